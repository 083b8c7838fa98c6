#!/usr/bin/env bash
# Four tokens on two ranks go to their experts and come back; every number is printed. With --nodes 2, each rank is a node
# of its own; with --nodes 4 there are four ranks, with a token and an expert each.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
run=${FARO_RUN:-$here/../../build/bin/faro-run}
ranks=2
case " $* " in *" --nodes 4 "* | *" --nodes=4 "*) ranks=4 ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "-- tokens and the experts they chose"
python3 "$here/tensors.py" make "$work/in" $ranks
echo
echo "-- dispatch, each expert e scales its rows by (e mod 8 + 1)/8, combine"
"$run" "$here/moe.mlir" --ranks $ranks --input "$work/in" --output "$work/out" --experts-fn scale --verify "$@"
echo
echo "-- what the experts received, and what came back"
python3 "$here/tensors.py" show "$work/out" $ranks
