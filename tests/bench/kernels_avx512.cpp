// The inner loops with AVX-512: a vector is a cache line, and masks take the ends of rows.
#include "tests/bench/kernel_table.h"

#include <immintrin.h>

#define FARO_AVX512 __attribute__((target("avx512f,avx512bw")))
#define FARO_AVX512_INLINE __attribute__((target("avx512f,avx512bw"), always_inline)) static inline

namespace faro::bench {

FARO_AVX512_INLINE __mmask64 firstBytes(size_t n) { return (uint64_t(1) << n) - 1; } // n < 64
FARO_AVX512_INLINE void stream(char *p, __m512i v) { _mm512_stream_si512(reinterpret_cast<__m512i *>(p), v); }

FARO_AVX512_INLINE void copyPart(char *dst, const char *src, size_t n) {
  _mm512_mask_storeu_epi8(dst, firstBytes(n), _mm512_maskz_loadu_epi8(firstBytes(n), src));
}

FARO_AVX512 static void copy(char *dst, const char *src, size_t bytes) {
  size_t i = bytesToLine(dst, bytes);
  if (i)
    copyPart(dst, src, i);
  for (; i + 256 <= bytes; i += 256) {
    __m512i v[4];
    for (size_t u = 0; u < 4; ++u)
      v[u] = _mm512_loadu_si512(src + i + 64 * u);
    for (size_t u = 0; u < 4; ++u)
      stream(dst + i + 64 * u, v[u]);
  }
  for (; i + 64 <= bytes; i += 64)
    stream(dst + i, _mm512_loadu_si512(src + i));
  if (i < bytes)
    copyPart(dst + i, src + i, bytes - i);
}

FARO_AVX512 static void replicate(char *const *dst, size_t places, const char *src, size_t bytes) {
  size_t i = 0;
  for (; i + 512 <= bytes; i += 512) {
    __m512i v[8];
    for (size_t u = 0; u < 8; ++u) {
      v[u] = _mm512_loadu_si512(src + i + 64 * u);
      _mm_prefetch(src + i + 64 * u + SourceAhead, _MM_HINT_T0);
    }
    for (size_t j = 0; j < places; ++j)
      for (size_t u = 0; u < 8; ++u)
        stream(dst[j] + i + 64 * u, v[u]);
  }
  for (; i < bytes; i += 64) {
    const __m512i v = _mm512_loadu_si512(src + i);
    for (size_t j = 0; j < places; ++j)
      stream(dst[j] + i, v);
  }
}

namespace {

/// 32 bf16 as 16 words: the low halves are the even columns, the high halves the odd ones; each half becomes f32 by a
/// shift or a mask and goes back the same way, without a shuffle.
struct Bf16Sum {
  __m512 even, odd;
  FARO_AVX512_INLINE __m512i high() { return _mm512_set1_epi32(int(0xffff0000u)); }
  FARO_AVX512_INLINE __m512i rounded(__m512 value) {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), last);
  }
  FARO_AVX512_INLINE Bf16Sum zero() { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }
  FARO_AVX512_INLINE Bf16Sum plus(Bf16Sum s, __m512i v, float weight) {
    const __m512 w = _mm512_set1_ps(weight);
    return {_mm512_add_ps(s.even, _mm512_mul_ps(w, _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)))),
            _mm512_add_ps(s.odd, _mm512_mul_ps(w, _mm512_castsi512_ps(_mm512_and_si512(v, high()))))};
  }
  FARO_AVX512_INLINE __m512i result(Bf16Sum s) {
    return _mm512_or_si512(_mm512_srli_epi32(rounded(s.even), 16), _mm512_and_si512(rounded(s.odd), high()));
  }
};

struct F16Sum {
  __m512 low, high;
  FARO_AVX512_INLINE F16Sum zero() { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }
  FARO_AVX512_INLINE F16Sum plus(F16Sum s, __m512i v, float weight) {
    const __m512 w = _mm512_set1_ps(weight);
    return {_mm512_add_ps(s.low, _mm512_mul_ps(w, _mm512_cvtph_ps(_mm512_castsi512_si256(v)))),
            _mm512_add_ps(s.high, _mm512_mul_ps(w, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1))))};
  }
  FARO_AVX512_INLINE __m512i result(F16Sum s) {
    const __m256i low = _mm512_cvtps_ph(s.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256i high = _mm512_cvtps_ph(s.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
};

struct F32Sum {
  __m512 sum;
  FARO_AVX512_INLINE F32Sum zero() { return {_mm512_setzero_ps()}; }
  FARO_AVX512_INLINE F32Sum plus(F32Sum s, __m512i v, float weight) {
    return {_mm512_add_ps(s.sum, _mm512_mul_ps(_mm512_set1_ps(weight), _mm512_castsi512_ps(v)))};
  }
  FARO_AVX512_INLINE __m512i result(F32Sum s) { return _mm512_castps_si512(s.sum); }
};

/// The bitwise or of the rows, with the same loads and stores.
struct OrSum {
  __m512i all;
  FARO_AVX512_INLINE OrSum zero() { return {_mm512_setzero_si512()}; }
  FARO_AVX512_INLINE OrSum plus(OrSum s, __m512i v, float) { return {_mm512_or_si512(s.all, v)}; }
  FARO_AVX512_INLINE __m512i result(OrSum s) { return s.all; }
};

} // namespace

/// The n < 64 bytes at offset `at` of all rows.
template <typename Sum, Ahead Way>
FARO_AVX512 static void sumPart(char *dst, const Asking<Way> &asking, size_t at, size_t n) {
  const RowList &now = asking.now;
  Sum sum = Sum::zero();
  for (int i = 0; i < now.count; ++i) {
    asking.ask(i, at);
    sum = Sum::plus(sum, _mm512_maskz_loadu_epi8(firstBytes(n), now.rows[i] + at), now.weights[i]);
  }
  _mm512_mask_storeu_epi8(dst + at, firstBytes(n), Sum::result(sum));
}

/// `Lines` whole lines at offset `at`, on a line boundary of dst when streaming.
template <typename Sum, size_t Lines, bool Streaming, Ahead Way>
FARO_AVX512_INLINE void sumLines(char *dst, const Asking<Way> &asking, size_t at) {
  const RowList &now = asking.now;
  Sum sum[Lines];
  for (size_t u = 0; u < Lines; ++u)
    sum[u] = Sum::zero();
  for (int i = 0; i < now.count; ++i)
    for (size_t u = 0; u < Lines; ++u) {
      asking.ask(i, at + 64 * u);
      sum[u] = Sum::plus(sum[u], _mm512_loadu_si512(now.rows[i] + at + 64 * u), now.weights[i]);
    }
  for (size_t u = 0; u < Lines; ++u) {
    if constexpr (Streaming)
      stream(dst + at + 64 * u, Sum::result(sum[u]));
    else
      _mm512_storeu_si512(dst + at + 64 * u, Sum::result(sum[u]));
  }
}

/// All whole lines from offset `at` on; returns where they end.
template <typename Sum, bool Streaming, Ahead Way>
FARO_AVX512_INLINE size_t sumAllLines(char *dst, const Asking<Way> &asking, size_t at, size_t bytes) {
  for (; at + 128 <= bytes; at += 128) // two lines of a row at a time: more loads under way
    sumLines<Sum, 2, Streaming>(dst, asking, at);
  for (; at + 64 <= bytes; at += 64)
    sumLines<Sum, 1, Streaming>(dst, asking, at);
  return at;
}

template <Ahead Way, typename Sum>
FARO_AVX512 static void sum(char *dst, const RowList &now, const RowList &next, size_t bytes, bool streaming) {
  const Asking<Way> asking(now, next, bytes);
  size_t at = bytesToLine(dst, bytes);
  if (at)
    sumPart<Sum>(dst, asking, 0, at);
  at = streaming ? sumAllLines<Sum, true>(dst, asking, at, bytes) : sumAllLines<Sum, false>(dst, asking, at, bytes);
  if (at < bytes)
    sumPart<Sum>(dst, asking, at, bytes - at);
}

template <Ahead Way> FARO_AVX512 static void orAll(char *dst, const RowList &now, const RowList &next, size_t bytes) {
  sum<Way, OrSum>(dst, now, next, bytes, true);
}

FARO_AVX512 static uint64_t read(const char *src, size_t bytes) {
  __m512i a = _mm512_setzero_si512(), b = a;
  for (size_t i = 0; i + 128 <= bytes; i += 128) {
    a = _mm512_or_si512(a, _mm512_loadu_si512(src + i));
    b = _mm512_or_si512(b, _mm512_loadu_si512(src + i + 64));
  }
  return uint64_t(_mm512_reduce_or_epi64(_mm512_or_si512(a, b)));
}

template <Ahead Way>
static constexpr KernelTable::Sums sums{{sum<Way, Bf16Sum>, sum<Way, F16Sum>, sum<Way, F32Sum>}, orAll<Way>};

const KernelTable Avx512Kernels{"avx512", copy, replicate, {sums<Ahead::NextToken>, sums<Ahead::Near>}, read};

} // namespace faro::bench
