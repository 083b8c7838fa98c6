#!/usr/bin/env bash
# Runs one example on four ranks of this machine and checks every byte:  examples/run.sh 03_mixtral [faro-run options]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-}
if [ -z "$name" ] || [ ! -f "$here/$name/moe.mlir" ]; then
  echo "usage: examples/run.sh NAME [faro-run options]; NAME is one of:" $(cd "$here" && ls -d */ | tr -d /) >&2
  exit 2
fi
shift
# In the caller's folder: paths among the options are meant from there.
exec "${FARO_RUN:-$here/../build/bin/faro-run}" "$here/$name/moe.mlir" --ranks 4 --verify "$@"
