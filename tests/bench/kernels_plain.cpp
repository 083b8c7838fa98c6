// The inner loops for any x86-64 processor, and the ends of rows for the vector sets.
#include "tests/bench/kernel_table.h"

#include <cstring>

namespace faro::bench {

template <Element E> static float loadOne(const char *p) {
  if constexpr (E == Element::F32) {
    float value;
    std::memcpy(&value, p, 4);
    return value;
  } else {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return decode(E, bits);
  }
}

template <Element E> static void sumRange(char *dst, const RowList &now, size_t begin, size_t end) {
  for (size_t at = begin; at < end; at += elementSize(E)) {
    float sum = 0;
    for (int i = 0; i < now.count; ++i) {
      // A statement of its own: a product that is rounded, never one half of a fused multiply-add.
      const float product = now.weights[i] * loadOne<E>(now.rows[i] + at);
      sum += product;
    }
    const uint32_t bits = encode(E, sum);
    std::memcpy(dst + at, &bits, elementSize(E)); // little-endian: the low half comes first
  }
}

void sumPlainRange(Element element, char *dst, const RowList &now, size_t begin, size_t end) {
  switch (element) {
  case Element::Bf16:
    return sumRange<Element::Bf16>(dst, now, begin, end);
  case Element::F16:
    return sumRange<Element::F16>(dst, now, begin, end);
  case Element::F32:
    return sumRange<Element::F32>(dst, now, begin, end);
  }
}

void orPlainRange(char *dst, const RowList &now, size_t begin, size_t end) {
  for (size_t at = begin; at < end; ++at) {
    char all = 0;
    for (int i = 0; i < now.count; ++i)
      all = char(all | now.rows[i][at]);
    dst[at] = all;
  }
}

template <Element E> static void sum(char *dst, const RowList &now, const RowList &, size_t bytes, bool) {
  sumRange<E>(dst, now, 0, bytes);
}

static void copy(char *dst, const char *src, size_t bytes) { std::memcpy(dst, src, bytes); }

static void replicate(char *const *dst, size_t places, const char *src, size_t bytes) {
  for (size_t j = 0; j < places; ++j)
    std::memcpy(dst[j], src, bytes);
}

static void orAll(char *dst, const RowList &now, const RowList &, size_t bytes) { orPlainRange(dst, now, 0, bytes); }

static uint64_t read(const char *src, size_t bytes) {
  uint64_t all = 0, word;
  for (size_t i = 0; i + 8 <= bytes; i += 8) {
    std::memcpy(&word, src + i, 8);
    all |= word;
  }
  return all;
}

// Nothing is asked for ahead.
static constexpr KernelTable::Sums Sums{{sum<Element::Bf16>, sum<Element::F16>, sum<Element::F32>}, orAll};

const KernelTable PlainKernels{"plain", copy, replicate, {Sums, Sums}, read};

} // namespace faro::bench
