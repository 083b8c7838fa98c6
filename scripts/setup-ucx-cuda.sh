#!/usr/bin/env bash
# A UCX that knows CUDA's memory, from PyPI's wheel: headers, libraries and CMake files, with cuda_copy and cuda_ipc, for
# machines whose own UCX has none of these (Debian's). The wheel has no InfiniBand: on a cluster take the UCX that was
# built for it, which CMake finds in the same way. Into a folder of its own; nothing else of the machine changes.
#   scripts/setup-ucx-cuda.sh [DIR]      (default: build/ucx-cuda)
# Prints the folder to give as ucx_ROOT:  cmake --preset default -Ducx_ROOT="$(scripts/setup-ucx-cuda.sh)"
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-build/ucx-cuda}")

if ! ls "$folder"/lib/python3*/site-packages/libucx/lib/cmake/ucx/ucx-config.cmake >/dev/null 2>&1; then
  echo "setup-ucx-cuda: installing UCX with CUDA into $folder" >&2
  rm -rf "$folder"
  if ! python3 -m venv "$folder" >&2; then
    echo "setup-ucx-cuda: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
    rm -rf "$folder"
    exit 1
  fi
  # The version that Faro is tested with; CUDA 13, like the assemblers of setup-cuda.sh.
  "$folder/bin/pip" --quiet --disable-pip-version-check install 'libucx-cu13==1.22.*' >&2
fi
echo "$folder"/lib/python3*/site-packages/libucx
