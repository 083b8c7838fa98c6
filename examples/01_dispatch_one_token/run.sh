#!/usr/bin/env bash
# Four tokens on two ranks go to their experts and come back; every number is printed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
run=$here/../../build/bin/faro-run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "-- tokens and the experts they chose"
python3 "$here/tensors.py" make "$work/in"
echo
echo "-- dispatch, each expert e scales its rows by (e mod 8 + 1)/8, combine"
"$run" "$here/moe.mlir" --ranks 2 --input "$work/in" --output "$work/out" --experts-fn scale --verify
echo
echo "-- what the experts received, and what came back"
python3 "$here/tensors.py" show "$work/out"
