#!/usr/bin/env bash
# All C and C++ sources are as clang-format leaves them. `--fix` makes them so.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
'' | --fix) ;;
*)
  echo "usage: scripts/check-format.sh [--fix]" >&2
  exit 2
  ;;
esac
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.h' '*.c') # new files, too
if [ "${1:-}" = --fix ]; then
  clang-format-22 -i "${files[@]}"
else
  clang-format-22 --dry-run --Werror "${files[@]}" || {
    echo "check-format: run scripts/check-format.sh --fix" >&2
    exit 1
  }
fi
