#!/usr/bin/env bash
# Configures and builds one preset (default, gcc, asan, tsan).
#   scripts/build.sh [PRESET] [TARGET...]
# FARO_CMAKE_OPTIONS: what else CMake is told, such as -DCMAKE_UNITY_BUILD=ON.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-default}
shift || true
# Configuring prints a page that nobody reads; it is shown when it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
read -ra options <<<"${FARO_CMAKE_OPTIONS:-}"
cmake --preset "$preset" "${options[@]}" >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
folder=build
[ "$preset" = default ] || folder=build-$preset
# Each compilation takes up to 1.5 GB.
jobs=$(nproc)
cmake --build "$folder" -j "$jobs" ${1:+--target "$@"}
