// The inner loops with AVX2: a cache line is two vectors.
#include "tests/bench/kernel_table.h"

#include <cstring>
#include <immintrin.h>

#define FARO_AVX2 __attribute__((target("avx2,f16c")))
#define FARO_AVX2_INLINE __attribute__((target("avx2,f16c"), always_inline)) static inline

namespace faro::bench {

FARO_AVX2_INLINE __m256i load(const char *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
FARO_AVX2_INLINE void stream(char *p, __m256i v) { _mm256_stream_si256(reinterpret_cast<__m256i *>(p), v); }

FARO_AVX2 static void copy(char *dst, const char *src, size_t bytes) {
  size_t i = bytesToLine(dst, bytes);
  std::memcpy(dst, src, i);
  for (; i + 64 <= bytes; i += 64) {
    const __m256i a = load(src + i), b = load(src + i + 32);
    stream(dst + i, a);
    stream(dst + i + 32, b);
  }
  std::memcpy(dst + i, src + i, bytes - i);
}

FARO_AVX2 static void replicate(char *const *dst, size_t places, const char *src, size_t bytes) {
  size_t i = 0;
  for (; i + 512 <= bytes; i += 512) { // all sixteen registers hold the block
    __m256i v[16];
    for (size_t u = 0; u < 16; ++u)
      v[u] = load(src + i + 32 * u);
    for (size_t ahead = 0; ahead < 512; ahead += 64)
      _mm_prefetch(src + i + ahead + SourceAhead, _MM_HINT_T0);
    for (size_t j = 0; j < places; ++j)
      for (size_t u = 0; u < 16; ++u)
        stream(dst[j] + i + 32 * u, v[u]);
  }
  for (; i < bytes; i += 64) {
    const __m256i a = load(src + i), b = load(src + i + 32);
    for (size_t j = 0; j < places; ++j) {
      stream(dst[j] + i, a);
      stream(dst[j] + i + 32, b);
    }
  }
}

namespace {

/// Sixteen bf16 as eight words: the low halves are the even columns, the high halves the odd ones; each half becomes
/// f32 by a shift or a mask and goes back the same way, without a shuffle.
struct Bf16Sum {
  static constexpr Element Type = Element::Bf16;
  __m256 even, odd;
  FARO_AVX2_INLINE __m256i high() { return _mm256_set1_epi32(int(0xffff0000u)); }
  FARO_AVX2_INLINE __m256i rounded(__m256 value) {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), last);
  }
  FARO_AVX2_INLINE Bf16Sum zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  FARO_AVX2_INLINE Bf16Sum plus(Bf16Sum s, __m256i v, float weight) {
    const __m256 w = _mm256_set1_ps(weight);
    return {_mm256_add_ps(s.even, _mm256_mul_ps(w, _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)))),
            _mm256_add_ps(s.odd, _mm256_mul_ps(w, _mm256_castsi256_ps(_mm256_and_si256(v, high()))))};
  }
  FARO_AVX2_INLINE __m256i result(Bf16Sum s) {
    return _mm256_or_si256(_mm256_srli_epi32(rounded(s.even), 16), _mm256_and_si256(rounded(s.odd), high()));
  }
};

struct F16Sum {
  static constexpr Element Type = Element::F16;
  __m256 low, high;
  FARO_AVX2_INLINE F16Sum zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  FARO_AVX2_INLINE F16Sum plus(F16Sum s, __m256i v, float weight) {
    const __m256 w = _mm256_set1_ps(weight);
    return {_mm256_add_ps(s.low, _mm256_mul_ps(w, _mm256_cvtph_ps(_mm256_castsi256_si128(v)))),
            _mm256_add_ps(s.high, _mm256_mul_ps(w, _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1))))};
  }
  FARO_AVX2_INLINE __m256i result(F16Sum s) {
    const __m128i low = _mm256_cvtps_ph(s.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m128i high = _mm256_cvtps_ph(s.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
};

struct F32Sum {
  static constexpr Element Type = Element::F32;
  __m256 sum;
  FARO_AVX2_INLINE F32Sum zero() { return {_mm256_setzero_ps()}; }
  FARO_AVX2_INLINE F32Sum plus(F32Sum s, __m256i v, float weight) {
    return {_mm256_add_ps(s.sum, _mm256_mul_ps(_mm256_set1_ps(weight), _mm256_castsi256_ps(v)))};
  }
  FARO_AVX2_INLINE __m256i result(F32Sum s) { return _mm256_castps_si256(s.sum); }
};

} // namespace

template <Ahead Way, typename Sum>
FARO_AVX2 static void sum(char *dst, const RowList &now, const RowList &next, size_t bytes, bool streaming) {
  const Asking<Way> asking(now, next, bytes);
  size_t at = bytesToLine(dst, bytes);
  sumPlainRange(Sum::Type, dst, now, 0, at);
  for (; at + 64 <= bytes; at += 64) {
    Sum a = Sum::zero(), b = Sum::zero();
    for (int i = 0; i < now.count; ++i) {
      asking.ask(i, at);
      a = Sum::plus(a, load(now.rows[i] + at), now.weights[i]);
      b = Sum::plus(b, load(now.rows[i] + at + 32), now.weights[i]);
    }
    const __m256i first = Sum::result(a), second = Sum::result(b);
    if (streaming) {
      stream(dst + at, first);
      stream(dst + at + 32, second);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(dst + at), first);
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(dst + at + 32), second);
    }
  }
  sumPlainRange(Sum::Type, dst, now, at, bytes);
}

template <Ahead Way> FARO_AVX2 static void orAll(char *dst, const RowList &now, const RowList &next, size_t bytes) {
  const Asking<Way> asking(now, next, bytes);
  size_t at = bytesToLine(dst, bytes);
  orPlainRange(dst, now, 0, at);
  for (; at + 64 <= bytes; at += 64) {
    __m256i a = _mm256_setzero_si256(), b = a;
    for (int i = 0; i < now.count; ++i) {
      asking.ask(i, at);
      a = _mm256_or_si256(a, load(now.rows[i] + at));
      b = _mm256_or_si256(b, load(now.rows[i] + at + 32));
    }
    stream(dst + at, a);
    stream(dst + at + 32, b);
  }
  orPlainRange(dst, now, at, bytes);
}

FARO_AVX2 static uint64_t read(const char *src, size_t bytes) {
  __m256i a = _mm256_setzero_si256(), b = a;
  for (size_t i = 0; i + 64 <= bytes; i += 64) {
    a = _mm256_or_si256(a, load(src + i));
    b = _mm256_or_si256(b, load(src + i + 32));
  }
  return uint64_t(_mm256_extract_epi64(_mm256_or_si256(a, b), 0));
}

template <Ahead Way>
static constexpr KernelTable::Sums sums{{sum<Way, Bf16Sum>, sum<Way, F16Sum>, sum<Way, F32Sum>}, orAll<Way>};

const KernelTable Avx2Kernels{"avx2", copy, replicate, {sums<Ahead::NextToken>, sums<Ahead::Near>}, read};

} // namespace faro::bench
