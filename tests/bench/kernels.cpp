#include "tests/bench/kernels.h"

#include "tests/bench/kernel_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <immintrin.h>
#include <utility>

namespace faro::bench {

static const KernelTable &choose() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
    return Avx512Kernels;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
    return Avx2Kernels;
  return PlainKernels;
}

static const KernelTable &table() {
  static const KernelTable &chosen = choose();
  return chosen;
}

const char *kernelTarget() { return table().name; }

void copyStreaming(char *dst, const char *src, size_t bytes) { table().copy(dst, src, bytes); }

void replicateStreaming(char *const *dst, size_t places, const char *src, size_t bytes) {
  uintptr_t low = bytes;
  for (size_t j = 0; j < places; ++j)
    low |= reinterpret_cast<uintptr_t>(dst[j]);
  if (low % 64 == 0)
    return table().replicate(dst, places, src, bytes);
  for (size_t j = 0; j < places; ++j)
    table().copy(dst[j], src, bytes);
}

/// Of a size the compiler knows: a few moves in place of a call.
template <size_t Bytes> static void replicateConstant(char *dst, size_t places, const char *src) {
  for (size_t j = 0; j < places; ++j, dst += Bytes)
    std::memcpy(dst, src, Bytes);
}

template <size_t... Size> static constexpr auto constantSizes(std::index_sequence<Size...>) {
  return std::array<void (*)(char *, size_t, const char *), sizeof...(Size)>{replicateConstant<Size>...};
}

void replicatePlain(char *dst, size_t places, const char *src, size_t bytes) {
  static constexpr auto Constant = constantSizes(std::make_index_sequence<65>());
  if (bytes < Constant.size())
    return Constant[bytes](dst, places, src);
  for (size_t j = 0; j < places; ++j, dst += bytes)
    std::memcpy(dst, src, bytes);
}

void storeFence() { _mm_sfence(); }

void zeroStreaming(char *dst, size_t bytes) {
  alignas(64) static constexpr char Zeros[4096] = {};
  size_t at = std::min<size_t>(-reinterpret_cast<uintptr_t>(dst) % 64, bytes); // no line in two pieces but the outer
  std::memset(dst, 0, at);
  for (; at < bytes; at += sizeof Zeros)
    copyStreaming(dst + at, Zeros, std::min(sizeof Zeros, bytes - at));
}

void zero(char *dst, size_t bytes, size_t inAll) {
  constexpr size_t PastCache = size_t(2) << 20; // as Faro's rows
  if (inAll >= PastCache)
    zeroStreaming(dst, bytes);
  else
    std::memset(dst, 0, bytes);
}

Ahead bestAhead() {
  static const Ahead best = __builtin_cpu_is("amd") ? Ahead::Near : Ahead::NextToken;
  return best;
}

void weightedSum(Element element, char *dst, const RowList &now, const RowList &next, size_t bytes, bool streaming,
                 Ahead ahead) {
  table().sums[size_t(ahead)].of[size_t(element)](dst, now, next, bytes, streaming);
}

void orRows(char *dst, const RowList &now, const RowList &next, size_t bytes) {
  table().sums[size_t(bestAhead())].orRows(dst, now, next, bytes);
}

void readAll(const char *src, size_t bytes) {
  const uint64_t all = table().read(src, bytes);
  __asm__ volatile("" : : "r"(all)); // somebody might look at it, for all the compiler knows
}

} // namespace faro::bench
