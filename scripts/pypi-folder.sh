#!/usr/bin/env bash
# PyPI's packages in a folder of their own; nothing else of the machine changes.
#   scripts/pypi-folder.sh WHO DIR FILE PACKAGE...    WHO: whose messages these are; FILE: what is there once they are
# Prints the folder, among those of Python's packages, in which FILE is. Does nothing more where it is there already.
set -euo pipefail
who=$1 folder=$2 file=$3
shift 3
if ! ls "$folder"/lib/python3*/site-packages/"$file" >/dev/null 2>&1; then
  echo "$who: installing $* into $folder" >&2
  rm -rf "$folder"
  if ! python3 -m venv "$folder" >&2; then
    echo "$who: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
    rm -rf "$folder"
    exit 1
  fi
  "$folder/bin/pip" --quiet --disable-pip-version-check install "$@" >&2
fi
echo "$folder"/lib/python3*/site-packages
