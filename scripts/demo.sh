#!/usr/bin/env bash
# From a fresh clone to a verified shuffle: installs what is missing, builds, compiles the DeepSeek-V3 example ahead of
# time, runs dispatch and combine on four ranks over UCX, checks every byte against the reference, and compares with MPI.
set -euo pipefail
[ $# = 0 ] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.."
scripts/setup.sh
echo "== building (a few minutes the first time)"
# What is run below; the tests have more (scripts/test.sh).
scripts/build.sh default faroc faro-opt faro-run faro-bench faro_compiler faro_transport_ucx faro_transport_local
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
echo
echo "== compiling examples/02_deepseek_v3/moe.mlir ahead of time"
build/bin/faroc examples/02_deepseek_v3/moe.mlir -o "$out/moe.so"
ls -l "$out/moe.so" | awk '{print "   " $5 " bytes"}'
echo
echo "== how far ahead of MPI: the same tokens moved by all methods in turn, each checked"
scripts/bench.sh --quick
echo
echo "== dispatch and combine on four ranks over UCX, checked against the reference"
build/bin/faro-run "$out/moe.so" --ranks 4 --tokens 512 --repeat 5 --verify
echo
echo "== the same as two nodes of two ranks, which share no memory"
build/bin/faro-run "$out/moe.so" --ranks 4 --nodes 2 --tokens 512 --repeat 5 --verify
