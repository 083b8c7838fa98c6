#!/usr/bin/env bash
# An installation works without the build folder, wherever it is moved, and others' projects are built against it.
#   install_test.sh BUILD C++COMPILER CCOMPILER
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "install_test: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$folder/first" >/dev/null
mv first moved
prefix=$folder/moved
for file in "$prefix"/bin/* "$prefix"/lib/*.so*; do
  ! ldd "$file" | grep -E "not found|$build" || fail "$file looks for what an installation has not"
done

spec=$here/../../examples/01_dispatch_one_token/moe.mlir
"$prefix/bin/faroc" "$spec" -o moe.so
"$prefix/bin/faro-run" moe.so --ranks 2 --tokens 4 --verify >/dev/null
"$prefix/bin/faro-run" "$spec" --ranks 2 --tokens 4 --verify >/dev/null

cmake -S "$here/consumer" -B consumer -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$2" -DCMAKE_C_COMPILER="$3" >/dev/null
cmake --build consumer >/dev/null
[ "$(consumer/from_c moe.so)" = "there and back" ] || fail "a program in C"
[ "$(consumer/from_cpp "$spec")" = "a session" ] || fail "a program in C++"

# Without CMake.
[ -f "$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --variable=includedir faro)/faro/transport.h" ] ||
  fail "includedir of pkg-config"
"$3" "$here/consumer/from_c.c" -o by_hand $(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs faro)
[ "$(LD_LIBRARY_PATH=$prefix/lib ./by_hand moe.so)" = "there and back" ] || fail "a program in C, by pkg-config"
