#include "tests/bench/problem.h"

#include <cstring>

namespace faro::bench {

std::vector<Item> expertRows(const Options &options, const Placement &placement, int rank) {
  std::vector<std::vector<int32_t>> routing;
  for (int s = 0; s < placement.ranks; ++s)
    routing.push_back(makeRouting(options, placement.ranks, s));
  std::vector<Item> rows;
  for (int e = placement.first(rank); e < placement.first(rank + 1); ++e) {
    for (int s = 0; s < placement.ranks; ++s) {
      const int32_t *topk = routing[size_t(s)].data();
      for (int t = 0; t < options.tokens; ++t)
        for (int k = 0; k < options.topk; ++k)
          if (*topk++ == e)
            rows.push_back({s, t, k});
    }
    while (rows.size() % size_t(options.align) != 0)
      rows.push_back({-1, -1, -1});
  }
  return rows;
}

Problem::Problem(const Options &given, int myRank, int worldSize, int perNode)
    : options(given), rank(myRank), ranks(worldSize), placement{given.experts, worldSize},
      topk(makeRouting(given, worldSize, myRank)), weights(makeWeights(given, myRank)),
      received(expertRows(given, placement, myRank)), ranksPerNode(perNode) {}

RowPattern::RowPattern(Element type, int source, int token, int choice)
    : element(type), base(mix((uint64_t(source) << 48) ^ (uint64_t(token) << 16) ^ uint64_t(choice))) {
  // Any sign, either of the exponents of [0.5, 2), any mantissa.
  switch (type) {
  case Element::Bf16:
    keep = 0x80ff80ff80ff80ffu, set = 0x3f003f003f003f00u;
    break;
  case Element::F16:
    keep = 0x87ff87ff87ff87ffu, set = 0x3800380038003800u;
    break;
  case Element::F32:
    keep = 0x80ffffff80ffffffu, set = 0x3f0000003f000000u;
    break;
  }
}

uint64_t RowPattern::word(size_t index) const {
  const uint64_t x = (base + index) * 0x9e3779b97f4a7c15u;
  return ((x ^ (x >> 29)) & keep) | set;
}

uint32_t RowPattern::bits(size_t column) const {
  if (element == Element::F32)
    return uint32_t(word(column / 2) >> (32 * (column % 2)));
  return uint32_t(word(column / 4) >> (16 * (column % 4))) & 0xffffu;
}

void RowPattern::fill(void *row, size_t bytes) const {
  char *out = static_cast<char *>(row);
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t w = word(i / 8);
    std::memcpy(out + i, &w, bytes - i < 8 ? bytes - i : 8);
  }
}

bool RowPattern::matches(const void *row, size_t bytes) const {
  const char *in = static_cast<const char *>(row);
  uint64_t wrong = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t w;
    std::memcpy(&w, in + i, 8);
    wrong |= w ^ word(i / 8);
  }
  const uint64_t last = word(i / 8);
  return wrong == 0 && std::memcmp(in + i, &last, bytes - i) == 0;
}

bool isZero(const void *row, size_t bytes) {
  const char *in = static_cast<const char *>(row);
  return bytes == 0 || (in[0] == 0 && std::memcmp(in, in + 1, bytes - 1) == 0);
}

} // namespace faro::bench
