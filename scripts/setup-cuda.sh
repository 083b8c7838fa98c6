#!/usr/bin/env bash
# What turns kernels into machine code for CUDA devices: ptxas and libnvJitLink of CUDA 13, for machines without a toolkit.
# From PyPI's wheels, into a folder of their own; nothing else of the machine changes. Faro builds and runs without them:
# modules then carry PTX, which the driver assembles, and tests of machine code are skipped.
#   scripts/setup-cuda.sh [DIR]      (default: build/cuda)
# Prints the folder to give as CUDA_HOME; nothing where a toolkit is found already.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-build/cuda}")

places=("${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda)
for place in "${places[@]}"; do
  if [ -x "$place/bin/ptxas" ]; then
    echo "setup-cuda: $place has $("$place/bin/ptxas" --version | grep release | sed 's/.*release/CUDA/')" >&2
    exit 0
  fi
done
packages=$(scripts/pypi-folder.sh setup-cuda "$folder" nvidia/cu13/bin/ptxas 'nvidia-cuda-nvcc==13.*' 'nvidia-nvjitlink==13.*')
echo "$packages/nvidia/cu13"
