// One set of inner loops for one kind of processor. kernels.cpp chooses one when the program starts.
#pragma once

#include "tests/bench/kernels.h"

#include <algorithm>
#include <xmmintrin.h>

namespace faro::bench {

struct KernelTable {
  using SumFn = void (*)(char *dst, const RowList &now, const RowList &next, size_t bytes, bool streaming);
  const char *name;
  void (*copy)(char *dst, const char *src, size_t bytes);
  /// dst rows on line boundaries, `bytes` a multiple of 64.
  void (*replicate)(char *const *dst, size_t places, const char *src, size_t bytes);
  struct Sums {
    SumFn of[3]; ///< by Element
    void (*orRows)(char *dst, const RowList &now, const RowList &next, size_t bytes);
  } sums[2]; ///< by Ahead
  uint64_t (*read)(const char *src, size_t bytes);
};

extern const KernelTable PlainKernels, Avx2Kernels, Avx512Kernels;

/// weightedSum of the bytes [begin, end) of the rows, value by value. The vector sets use it for what is no whole
/// vector.
void sumPlainRange(Element element, char *dst, const RowList &now, size_t begin, size_t end);
void orPlainRange(char *dst, const RowList &now, size_t begin, size_t end);

/// How far ahead of its loads `replicate` asks for its source, as Faro's pushes do: stores past the cache keep the
/// processor from seeing by itself that the source is read in order.
constexpr size_t SourceAhead = 2048;

/// What a sum of `bytes` of rows asks for ahead.
template <Ahead Way> struct Asking {
  Asking(const RowList &now, const RowList &next, size_t bytes)
      : now(now), next(next), bytes(bytes), distance(std::max<size_t>(8192 / size_t(std::max(now.count, 1)), 1024)) {}

  /// While the line of row i at offset `at` is read.
  void ask(int i, size_t at) const {
    if constexpr (Way == Ahead::NextToken) {
      _mm_prefetch(next.rows[i] + at, _MM_HINT_T1);
    } else {
      const size_t to = at + distance;
      _mm_prefetch(to < bytes ? now.rows[i] + to : next.rows[i] + std::min(to - bytes, at), _MM_HINT_T0);
    }
  }

  const RowList &now, &next;
  const size_t bytes, distance; ///< as far ahead as Faro asks
};

/// Bytes from p to the next line boundary, at most `bytes`.
inline size_t bytesToLine(const char *p, size_t bytes) {
  const size_t head = (64 - (reinterpret_cast<uintptr_t>(p) & 63)) & 63;
  return head < bytes ? head : bytes;
}

} // namespace faro::bench
