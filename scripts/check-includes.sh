#!/usr/bin/env bash
# Who may include whom: dialect/Layout <- dialect <- compiler -> runtime/abi <- runtime <- plugins.
#   - dialect/Layout and compiler/Interpreter/{Reference,Number} know no MLIR;
#   - dialect includes nothing of the compiler or the runtime;
#   - the compiler includes nothing of the runtime but its ABI;
#   - the runtime and the plugins include no MLIR, LLVM or dialect; its tools may use the reference;
#   - plugins include public headers only (and their own); UCX is included by plugins/ucx alone, MPI by the benchmark alone.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
forbid() { # what, include pattern, allowed-line pattern (or ''), paths...
  local what=$1 pattern=$2 allowed=$3
  shift 3
  local found
  found=$(git grep --untracked -nE "^ *# *include *[<\"]($pattern)" -- "$@" | { [ -n "$allowed" ] && grep -vE "$allowed" || cat; } || true)
  if [ -n "$found" ]; then
    printf 'check-includes: %s:\n%s\n' "$what" "$found" >&2
    bad=1
  fi
}
forbid "the layout algebra and the reference know no MLIR" 'mlir/|llvm/|dialect/(Faro|Xfer)/' '' dialect/Layout \
  compiler/Interpreter/Reference.h compiler/Interpreter/Reference.cpp compiler/Interpreter/Number.h compiler/Interpreter/Number.cpp
forbid "dialects stand below compiler and runtime" 'compiler/|runtime/|faro/' '' dialect
forbid "the compiler shares only the ABI with the runtime" 'runtime/|faro/' 'runtime/abi/' compiler
forbid "the runtime knows no MLIR" 'mlir/|llvm/|dialect/|compiler/' 'compiler/CAPI/' runtime/abi runtime/include runtime/core \
  runtime/device runtime/engine runtime/plan plugins
forbid "the runtime's tools know no MLIR" 'mlir/|llvm/|dialect/(Faro|Xfer)/|compiler/' \
  'compiler/(CAPI/|Interpreter/(Reference|Number)\.h)' runtime/tools
forbid "plugins use public headers only" 'runtime/' '' plugins
forbid "UCX belongs to plugins/ucx" 'uc[pst]/' '' dialect compiler runtime plugins/local
forbid "MPI belongs to the benchmark" 'mpi\.h' '' dialect compiler runtime plugins
exit $bad
