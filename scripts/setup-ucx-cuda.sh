#!/usr/bin/env bash
# A UCX that knows CUDA's memory, from PyPI's wheel: headers, libraries and CMake files, with cuda_copy and cuda_ipc, for
# machines whose own UCX has none of these (Debian's). The wheel has no InfiniBand: on a cluster take the UCX that was
# built for it, which CMake finds in the same way. Into a folder of its own; nothing else of the machine changes.
#   scripts/setup-ucx-cuda.sh [DIR]      (default: build/ucx-cuda)
# Prints the folder to give as ucx_ROOT:  cmake --preset default -Ducx_ROOT="$(scripts/setup-ucx-cuda.sh)"
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-build/ucx-cuda}")

# The version that Faro is tested with; CUDA 13, like the assemblers of setup-cuda.sh.
packages=$(scripts/pypi-folder.sh setup-ucx-cuda "$folder" libucx/lib/cmake/ucx/ucx-config.cmake 'libucx-cu13==1.22.*')
echo "$packages/libucx"
