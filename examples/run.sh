#!/usr/bin/env bash
# Runs one example on four ranks of this machine and checks every byte:  examples/run.sh 03_mixtral [faro-run options]
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-}
if [ -z "$name" ] || [ ! -f "examples/$name/moe.mlir" ]; then
  echo "usage: examples/run.sh NAME [faro-run options]; NAME is one of:" $(cd examples && ls -d */ | tr -d /) >&2
  exit 2
fi
shift
exec "${FARO_RUN:-build/bin/faro-run}" "examples/$name/moe.mlir" --ranks 4 --verify "$@"
