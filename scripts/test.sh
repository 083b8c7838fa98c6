#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#   scripts/test.sh            the usual: format, include rules, clang build, all tests
#   scripts/test.sh --all      also what people run with g++, and tests with address + undefined-behaviour sanitizers and
#                              with the thread sanitizer (what CI runs)
set -euo pipefail
cd "$(dirname "$0")/.."
all=0
case ${1:-} in
--all) all=1 ;;
'') ;;
*)
  echo "usage: scripts/test.sh [--all]" >&2
  exit 2
  ;;
esac

step() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

# Every batch's plan is checked, whoever runs the tests.
export FARO_CHECK=1
# UCX's memory hooks and the sanitizers' do not go together.
export UCX_MEM_EVENTS=n
# clang's LeakSanitizer cannot trace from within some containers; leaks are looked for where it can.
# LLVM's allocators poison what they have not given out, but only where they are compiled with the sanitizer: our code
# does, the libraries that allocate from the same pieces do not.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:allow_user_poisoning=0}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/scripts/lsan.supp:print_suppressions=0}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

# Three at a time on two cores: much of what they do is to wait.
run_tests() { # preset folder, ctest arguments
  local folder=$1
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error --timeout 300 -j 3 "$@"
}

scripts/setup.sh
step "CUDA's assemblers"
if ! [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/ptxas" ] && ! command -v ptxas; then
  echo "SKIPPED: no ptxas in CUDA_HOME, /usr/local/cuda or PATH: tests that make machine code for CUDA devices are reported as" \
    "unsupported. To run them: export CUDA_HOME=\$(scripts/setup-cuda.sh)"
else
  echo "tests make machine code for CUDA devices"
fi
step "format and include rules"
scripts/check-format.sh
scripts/check-includes.sh
step "build with clang"
scripts/build.sh default
step "tests"
run_tests build
step "rows on a GPU"
scripts/test-gpu.sh build || [ $? = 77 ] # which says that there is none
if [ "$all" = 1 ]; then
  step "build with g++, all but tests and benchmarks"
  scripts/build.sh gcc product
  step "compile and run with what g++ built"
  build-gcc/bin/faro-run examples/01_dispatch_one_token/moe.mlir --ranks 2 --tokens 4 --verify
  step "build with address and undefined-behaviour sanitizers"
  scripts/build.sh asan
  step "tests with address and undefined-behaviour sanitizers"
  run_tests build-asan
  step "build with the thread sanitizer"
  scripts/build.sh tsan thread_tests
  step "tests with the thread sanitizer (ranks as threads)"
  run_tests build-tsan -L threads
fi
step "all passed"
