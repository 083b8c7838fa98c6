#!/usr/bin/env bash
# Installs what building and testing Faro needs, from Debian's packages. Safe to run again: it does nothing when all is
# there. Needs root or sudo.
set -euo pipefail

packages=(
  # The compiler that builds Faro, and LLVM and MLIR that Faro's compiler is built on.
  clang-22 lld-22 clang-format-22 libclang-rt-22-dev llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  g++ cmake ninja-build ccache git python3 python3-venv
  # The wire, and the libraries Faro uses.
  libucx-dev ucx-utils libfmt-dev nlohmann-json3-dev libcli11-dev nettle-dev
  # Tests, and the peers that faro-bench compares with.
  libgtest-dev libbenchmark-dev libopenmpi-dev openmpi-bin util-linux iproute2 pkgconf
  # What LLVM's CMake files ask for.
  zlib1g-dev libzstd-dev libxml2-dev libedit-dev libcurl4-openssl-dev
)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  [ "${state:0:2}" = ii ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: everything is installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: installing ${missing[*]} needs root or sudo" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
for package in "${missing[@]}"; do
  if ! apt-cache show "$package" >/dev/null 2>&1; then
    echo "setup: no package source offers $package. Faro is set up on Debian 12 with its main and security archives;" \
      "elsewhere install LLVM and MLIR 22, UCX >= 1.13 and the libraries named in scripts/setup.sh yourself" >&2
    exit 1
  fi
done
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
