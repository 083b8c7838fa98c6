#!/usr/bin/env bash
# What needs a GPU: every example with its rows on a CUDA device, verified byte by byte against the reference, with ranks as
# threads and as processes that share the device, planned on the host and on the device; and then how fast its shuffles are
# (docs/cuda.md, "Measuring").
#   scripts/test-gpu.sh [BUILD]              (default: build; made by scripts/build.sh)
#   scripts/test-gpu.sh --pack KIT [BUILD]   puts into the folder KIT what a machine without LLVM, UCX and MPI needs, beside
#                                            a copy of this repository and python3; there: scripts/test-gpu.sh KIT
# Also: --only verify|measure;
#       --quick: some of what is verified, and shorter measurements: minutes;
#       --out DIR (default: out/bench-device; one .json a run, and tables.md, which are there after each run);
#       --into FILE (puts the tables into that page, docs/performance.md).
# FARO_TORCH_PYTHON names a Python that can import torch, which is then measured as a peer; else python3 is tried.
# Exit status 0: all verified; 1: something failed; 77: this machine has no device to try it on, which is said.
set -uo pipefail
from=$PWD
cd "$(dirname "$0")/.."
build=build out=out/bench-device into='' pack='' only='' quick=''
while [ $# -gt 0 ]; do
  case $1 in
  --only)
    only=${2:-nothing}
    shift
    ;;
  --out | --into | --pack)
    [ $# -ge 2 ] || { echo "test-gpu.sh: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" %s "$2"
    [[ $2 = /* ]] || printf -v "${1#--}" %s "$from/$2"
    shift
    ;;
  --quick) quick=1 ;;
  -*)
    sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  *) [[ $1 = /* ]] && build=$1 || build=$from/$1 ;;
  esac
  shift
done
case $only in
'' | verify | measure) ;;
*) echo "test-gpu.sh: --only: expected verify or measure, found $only" >&2; exit 2 ;;
esac
if [ ! -x "$build/bin/faro-run" ] || { [ ! -x "$build/bin/faroc" ] && [ ! -d "$build/modules" ]; }; then
  echo "test-gpu.sh: $build/bin/faro-run and faroc are not there (scripts/build.sh makes them), nor a kit's modules (--pack)" >&2
  exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Each program that is tried or measured: its name, and its text.
rows=(1xf32 7xbf16 287xf16 2880xbf16) # no multiples of an access
spec_of() { # name
  case $1 in
  packed) sed 's/, align = 128//' examples/02_deepseek_v3/moe.mlir ;;
  [0-9]*x[bf]*) sed "s/4xf32/$1/g" examples/01_dispatch_one_token/moe.mlir ;;
  *) cat "examples/$1/moe.mlir" ;;
  esac
}
examples=()
for spec in examples/*/moe.mlir; do
  examples+=("$(basename "$(dirname "$spec")")")
done
module_of() { # name: compiles it, unless it was; prints its path
  local module=$build/modules/$1.so
  if [ ! -e "$module" ]; then
    module=$folder/$1.so
    if [ ! -e "$module" ]; then
      spec_of "$1" >"$folder/$1.mlir"
      "$build/bin/faroc" "$folder/$1.mlir" --target=cpu,cuda:sm_80,cuda:sm_90,cuda:sm_100 -o "$module" || return 1
    fi
  fi
  echo "$module"
}

if [ -n "$pack" ]; then
  if [ -n "$only$quick$into" ]; then
    echo "test-gpu.sh: --pack goes with none of --only, --quick, --into: they are for where the GPU is" >&2
    exit 2
  fi
  set -e
  mkdir -p "$pack/bin" "$pack/lib" "$pack/modules" "$pack/planned"
  for program in faro-run faro-bench PlannedOnDevice PushQueues; do
    if [ -x "$build/bin/$program" ]; then
      cp "$build/bin/$program" "$pack/bin"
    else
      echo "test-gpu.sh: left out, as it was not built: $program"
    fi
  done
  cp "$build"/lib/libfaro.so "$build"/lib/libfaro_transport_*.so "$pack/lib"
  # All that they load, but for what every machine has, or must have its own of.
  ldd "$build"/bin/{faro-run,faro-bench,PlannedOnDevice,PushQueues} "$build"/lib/libfaro_transport_*.so 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -vE '/(ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s|libz|libfaro)[.-]' | xargs -r cp -Lt "$pack/lib"
  # UCX loads what it has for CUDA from a folder beside itself.
  ucx=$(ldd "$build/lib/libfaro_transport_ucx.so" | awk '$1 ~ /^libucs/ {print $3}')
  mkdir -p "$pack/lib/ucx"
  find "$(dirname "$ucx")/ucx" -name '*.so.0' -exec cp -Lt "$pack/lib/ucx" {} + 2>/dev/null || true
  [ ! -x "$pack/bin/PlannedOnDevice" ] || cp "$build"/tests/runtime/device/planned/*.so "$pack/planned"
  for name in "${examples[@]}" "${rows[@]}" packed; do
    module=$(module_of "$name")
    cp "$module" "$pack/modules/$name.so"
  done
  echo "test-gpu.sh: $pack has $(du -sh "$pack" | cut -f1); where the GPU is: scripts/test-gpu.sh $pack"
  exit 0
fi
if [ -d "$build/modules" ]; then
  export LD_LIBRARY_PATH=$build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} FARO_PLANNED_MODULES=$build/planned
fi

probe=$(module_of 01_dispatch_one_token) || exit 1
if ! said=$("$build/bin/faro-run" "$probe" --ranks 1 --tokens 1 --transport local --device cuda 2>&1 >/dev/null); then
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
declare -A failures=()
most_failures=3 # of a family; the rest of it would fail likewise, each after its time-out
try() { # family, what, module, arguments of faro-run
  local family=$1 name=$2
  shift 2
  if [ "${failures[$family]:-0}" -ge $most_failures ]; then
    failures[$family]=$((failures[$family] + 1))
    return
  fi
  if said=$("$build/bin/faro-run" "$@" --device cuda --verify --timeout 30 2>&1); then
    printf '%-50s %s\n' "$name" "$(grep '^verified:' <<<"$said")"
  elif [ "${FARO_SLOTS:-}" = device ] && grep -q 'does not take memory of its device' <<<"$said"; then
    printf '%-50s SKIPPED: UCX has no CUDA (scripts/setup-ucx-cuda.sh)\n' "$name"
  else
    printf '%-50s FAILED\n%s\n' "$name" "$said"
    failed=1
    failures[$family]=$((${failures[$family]:-0} + 1))
  fi
}

verify() {
  local transports=(local) name module transport ranks nodes slots all=("${examples[@]}")
  # Processes need UCX, and a driver that lets them share memory.
  if ! said=$("$build/bin/faro-run" "$probe" --ranks 2 --tokens 1 --transport ucx 2>&1 >/dev/null); then
    printf 'transport ucx: SKIPPED, it does not work here without a device either: %s\n' "$said"
  elif nvidia-smi --query-gpu=compute_mode --format=csv,noheader 2>/dev/null | grep -qi exclusive; then
    printf 'transport ucx: SKIPPED, the device is in a compute mode in which one process has it for itself\n'
  elif ! said=$("$build/bin/faro-run" "$probe" --ranks 2 --tokens 1 --transport ucx --device cuda --timeout 30 2>&1 >/dev/null) &&
    grep -q 'does not share it with other processes' <<<"$said"; then
    printf 'transport ucx: SKIPPED, processes cannot share memory of this device: %s\n' "$said"
  else
    transports+=(ucx)
  fi
  [ -z "$quick" ] || all=(01_dispatch_one_token 02_deepseek_v3)
  for name in "${all[@]}"; do
    module=$(module_of "$name") || exit 1
    for transport in "${transports[@]}"; do
      for ranks in 1 2 4; do
        try "$transport" "$name, $ranks ranks, $transport" "$module" --ranks $ranks --transport $transport --tokens 300 --repeat 2
      done
      try "$transport" "$name, zipf, experts scale, $transport" "$module" --ranks 4 --transport $transport --tokens 97 \
        --routing zipf:1.2 --experts-fn scale
      try "$transport" "$name, no tokens, $transport" "$module" --ranks 2 --transport $transport --tokens 0
      for nodes in 2 4; do
        for slots in pinned device; do
          FARO_SLOTS=$slots try "$transport, nodes, $slots" "$name, $nodes nodes, $transport, slots $slots" "$module" --ranks 4 \
            --nodes $nodes --transport $transport --tokens 300 --repeat 2 --experts-fn scale
        done
        FARO_PUSHES=resident try "$transport, resident" "$name, $nodes nodes, $transport, resident pushes" "$module" --ranks 4 \
          --nodes $nodes --transport $transport --tokens 300 --repeat 2 --experts-fn scale
      done
      for ranks in 1 2 4; do
        try "$transport, planned there" "$name, planned there, $ranks ranks, $transport" "$module" --plan device --ranks $ranks \
          --transport $transport --tokens 300 --repeat 2
      done
      try "$transport, planned there" "$name, planned there, zipf, scale, $transport" "$module" --plan device --ranks 4 \
        --transport $transport --tokens 97 --routing zipf:1.2 --experts-fn scale
      try "$transport, planned there" "$name, planned there, no tokens, $transport" "$module" --plan device --ranks 2 \
        --transport $transport --tokens 0
    done
  done
  for name in "${rows[@]}"; do
    module=$(module_of "$name") || exit 1
    try rows "rows of $name" "$module" --ranks 4 --transport local --tokens 101
    try "rows, planned there" "rows of $name, planned there" "$module" --plan device --ranks 4 --transport local --tokens 101
  done
  # Planned on the device, and replayed as graphs; and kernels that wait for what a host posts.
  for program in PlannedOnDevice PushQueues; do
    if [ -x "$build/bin/$program" ]; then
      FARO_TEST_GPU=1 timeout 300 "$build/bin/$program" --gtest_brief=1 || failed=1
    fi
  done
  for family in "${!failures[@]}"; do
    [ "${failures[$family]}" -le $most_failures ] ||
      echo "test-gpu.sh: $family: $((failures[$family] - most_failures)) more were not tried after $most_failures that failed"
  done
  [ $failed = 1 ] || echo "test-gpu.sh: all verified"
}

# DeepSeek-V3's shape, as the example has it and without padding (which the calls' times hold, and the kernels' do not).
one() { # name, module, align, tokens, iterations, more
  local name=$1 module=$2 align=$3 tokens=$4 iterations=$5
  shift 5
  [ -z "$quick" ] || iterations=$((iterations / 3))
  "$build/bin/faro-bench" --device cuda --module "$module" --tokens "$tokens" --hidden 7168 --topk 8 --experts 256 \
    --align "$align" --iterations "$iterations" --json "$out/$name.json" "$@" || failed=1
  scripts/device_tables.py "$out" >"$out/tables.md"
}
measure() {
  if [ ! -x "$build/bin/faro-bench" ]; then
    echo "test-gpu.sh: not measured: $build/bin/faro-bench is not there; it needs Open MPI (scripts/setup.sh installs it)"
    return
  fi
  local torch=() packed padded caches
  if [ -n "${FARO_TORCH_PYTHON:-}" ]; then
    torch=(--torch "$FARO_TORCH_PYTHON")
  elif python3 -c 'import torch' 2>/dev/null; then
    torch=(--torch python3)
  else
    echo "test-gpu.sh: torch is not measured: python3 cannot import it; FARO_TORCH_PYTHON names a Python that can"
  fi
  packed=$(module_of packed) && padded=$(module_of 02_deepseek_v3) || exit 1
  mkdir -p "$out"
  rm -f "$out"/T4096{,.16mp,.align128}.json "$out"/T128{,.R4}.{cold,warm}.json
  one T4096 "$packed" 1 4096 51 "${torch[@]}"
  # The step of a decode.
  for caches in cold warm; do
    one T128.$caches "$packed" 1 128 201 --caches $caches
    one T128.R4.$caches "$packed" 1 128 201 --caches $caches --ranks 4 --op round-trip
  done
  one T4096.16mp "$packed" 1 4096 51 "${torch[@]}" --multiprocessors 16 --op dispatch
  one T4096.align128 "$padded" 128 4096 51 "${torch[@]}"
  cat "$out/tables.md"
  [ -z "$into" ] || scripts/device_tables.py "$out" --into "$into"
}

[ "$only" = measure ] || verify
[ "$only" = verify ] || measure
exit $failed
