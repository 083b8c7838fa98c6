#!/usr/bin/env bash
# What needs a GPU: every example with its rows on a CUDA device, verified byte by byte against the reference, with ranks as
# threads and as processes that share the device, planned on the host and on the device; and then how fast its shuffles are
# (docs/cuda.md, "Measuring").
#   scripts/test-gpu.sh [BUILD]      (default: build; made by scripts/build.sh)
# Also: --out DIR (default: out/bench-device; one .json a run, and tables.md),
#       --into FILE (puts the tables into that page, docs/performance.md).
# FARO_TORCH_PYTHON names a Python that can import torch, which is then measured as a peer; else python3 is tried.
# Exit status 0: all verified; 1: something failed; 77: this machine has no device to try it on, which is said.
set -uo pipefail
cd "$(dirname "$0")/.."
build=build out=out/bench-device into=''
while [ $# -gt 0 ]; do
  case $1 in
  --out | --into)
    [ $# -ge 2 ] || { echo "test-gpu.sh: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" %s "$2"
    shift
    ;;
  -*)
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  *) build=$1 ;;
  esac
  shift
done
if [ ! -x "$build/bin/faro-run" ] || [ ! -x "$build/bin/faroc" ]; then
  echo "test-gpu.sh: $build/bin/faro-run and faroc are not there; scripts/build.sh makes them" >&2
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

compile() { # spec, module
  "$build/bin/faroc" "$1" --target=cpu,cuda:sm_80,cuda:sm_90,cuda:sm_100 -o "$2"
}
compile examples/01_dispatch_one_token/moe.mlir "$folder/probe.so" || exit 1
if ! said=$("$build/bin/faro-run" "$folder/probe.so" --ranks 1 --tokens 1 --transport local --device cuda 2>&1 >/dev/null); then
  case $said in
  *"no CUDA driver"* | *"finds no device"* | *"does not start"*)
    printf 'test-gpu.sh: SKIPPED, nothing was tried or measured on a GPU: %s\n' "$said"
    [ -z "$into" ] || printf 'test-gpu.sh: %s is left as it is\n' "$into"
    exit 77
    ;;
  esac
fi
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader
fi

failed=0
try() { # module, arguments of faro-run
  local name=$1
  shift
  if said=$("$build/bin/faro-run" "$@" --device cuda --verify --timeout 120 2>&1); then
    printf '%-44s %s\n' "$name" "$(grep '^verified:' <<<"$said")"
  elif [ "${FARO_SLOTS:-}" = device ] && grep -q 'does not take memory of its device' <<<"$said"; then
    printf '%-44s SKIPPED: UCX has no CUDA (scripts/setup-ucx-cuda.sh)\n' "$name"
  else
    printf '%-44s FAILED\n%s\n' "$name" "$said"
    failed=1
  fi
}
for spec in examples/*/moe.mlir; do
  name=$(basename "$(dirname "$spec")")
  compile "$spec" "$folder/$name.so" || exit 1
  for transport in local ucx; do
    for ranks in 1 2 4; do
      try "$name, $ranks ranks, $transport" "$folder/$name.so" --ranks $ranks --transport $transport --tokens 300 --repeat 2
    done
    try "$name, zipf, experts scale, $transport" "$folder/$name.so" --ranks 4 --transport $transport --tokens 97 \
      --routing zipf:1.2 --experts-fn scale
    try "$name, no tokens, $transport" "$folder/$name.so" --ranks 2 --transport $transport --tokens 0
    for nodes in 2 4; do
      for slots in pinned device; do
        FARO_SLOTS=$slots try "$name, $nodes nodes, $transport, slots $slots" "$folder/$name.so" --ranks 4 --nodes $nodes \
          --transport $transport --tokens 300 --repeat 2 --experts-fn scale
      done
    done
    for ranks in 1 2 4; do
      try "$name, planned there, $ranks ranks, $transport" "$folder/$name.so" --plan device --ranks $ranks \
        --transport $transport --tokens 300 --repeat 2
    done
    try "$name, planned there, zipf, scale, $transport" "$folder/$name.so" --plan device --ranks 4 --transport $transport \
      --tokens 97 --routing zipf:1.2 --experts-fn scale
    try "$name, planned there, no tokens, $transport" "$folder/$name.so" --plan device --ranks 2 --transport $transport --tokens 0
  done
done
# Rows that are no multiple of an access.
for row in 1xf32 7xbf16 287xf16 2880xbf16; do
  sed "s/4xf32/$row/g" examples/01_dispatch_one_token/moe.mlir >"$folder/$row.mlir"
  compile "$folder/$row.mlir" "$folder/$row.so" || exit 1
  try "rows of $row" "$folder/$row.so" --ranks 4 --transport local --tokens 101
  try "rows of $row, planned there" "$folder/$row.so" --plan device --ranks 4 --transport local --tokens 101
done
# Planned on the device, and replayed as graphs.
if [ -x "$build/bin/PlannedOnDevice" ]; then
  FARO_TEST_GPU=1 "$build/bin/PlannedOnDevice" --gtest_brief=1 || failed=1
fi
[ $failed = 0 ] && echo "test-gpu.sh: all verified"

# How fast: DeepSeek-V3's shape, as the example has it and without padding (which the calls' times hold, and the kernels' do not).
measure() { # name, module, align, tokens, iterations, more
  local name=$1 module=$2 align=$3 tokens=$4 iterations=$5
  shift 5
  "$build/bin/faro-bench" --device cuda --module "$module" --tokens "$tokens" --hidden 7168 --topk 8 --experts 256 \
    --align "$align" --iterations "$iterations" --json "$out/$name.json" "$@" || failed=1
}
torch=()
if [ -n "${FARO_TORCH_PYTHON:-}" ]; then
  torch=(--torch "$FARO_TORCH_PYTHON")
elif python3 -c 'import torch' 2>/dev/null; then
  torch=(--torch python3)
elif [ -x "$build/bin/faro-bench" ]; then
  echo "test-gpu.sh: torch is not measured: python3 cannot import it; FARO_TORCH_PYTHON names a Python that can"
fi
if [ -x "$build/bin/faro-bench" ]; then
  sed 's/, align = 128//' examples/02_deepseek_v3/moe.mlir >"$folder/packed.mlir"
  compile "$folder/packed.mlir" "$folder/packed.so" || exit 1
  mkdir -p "$out"
  rm -f "$out"/*.json
  measure T4096.align128 "$folder/02_deepseek_v3.so" 128 4096 51 "${torch[@]}"
  measure T4096 "$folder/packed.so" 1 4096 51 "${torch[@]}"
  measure T4096.16mp "$folder/packed.so" 1 4096 51 "${torch[@]}" --multiprocessors 16 --op dispatch
  # The step of a decode.
  for caches in cold warm; do
    measure T128.$caches "$folder/packed.so" 1 128 201 --caches $caches
    measure T128.R4.$caches "$folder/packed.so" 1 128 201 --caches $caches --ranks 4 --op round-trip
  done
  scripts/device_tables.py "$out" | tee "$out/tables.md"
  [ -z "$into" ] || scripts/device_tables.py "$out" --into "$into"
else
  echo "test-gpu.sh: not measured: $build/bin/faro-bench is not there; it needs Open MPI (scripts/setup.sh installs it)"
fi
exit $failed
