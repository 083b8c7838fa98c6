#include "tests/bench/combine/combine_data.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace faro::bench {

CombineData::CombineData(const Problem &p, bool identity)
    : ShuffleData(p), result(p.tokens() * bytes), exact(p.tokens() * bytes), byNode(p.tokens() * bytes) {
  makeReferences(identity);
}

void CombineData::fillExpertRows(char *data, size_t stride) const {
  for (size_t i = 0; i < problem.received.size(); ++i) {
    const Item &item = problem.received[i];
    char *row = data + i * stride;
    std::memset(row, 0, stride);
    if (item.source >= 0)
      RowPattern(problem.options.element, item.source, item.token, item.choice).fill(row, bytes);
  }
}

/// One column after the other, from the pattern itself.
void CombineData::makeReferences(bool identity) {
  const Element element = problem.options.element;
  const size_t k = problem.topkSize(), columns = size_t(problem.options.hidden), width = elementSize(element);
  const std::vector<int> owner = problem.placement.owners();
  const size_t nodes = size_t(problem.nodes());
  std::vector<float> sum(columns), share(nodes * columns);
  std::vector<bool> taken(nodes);
  auto store = [&](Buffer &reference, size_t t, size_t c, float value) {
    const uint32_t bits = encode(element, value);
    std::memcpy(reference.data() + t * bytes + c * width, &bits, width);
  };
  for (size_t t = 0; t < problem.tokens(); ++t) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    std::fill(share.begin(), share.end(), 0.0f);
    std::fill(taken.begin(), taken.end(), false);
    for (size_t j = 0; j < k; ++j) {
      const RowPattern pattern(element, problem.rank, int(t), identity ? 0 : int(j));
      const size_t node = size_t(problem.nodeOf(owner[size_t(problem.topk[t * k + j])]));
      taken[node] = true;
      for (size_t c = 0; c < columns; ++c) {
        const float product = problem.weights[t * k + j] * decode(element, pattern.bits(c));
        sum[c] += product;
        share[node * columns + c] += product;
      }
    }
    for (size_t c = 0; c < columns; ++c) {
      store(exact, t, c, sum[c]);
      if (nodes == 1)
        continue;
      float shares = 0;
      for (size_t n = 0; n < nodes; ++n)
        if (taken[n])
          shares += decode(element, encode(element, share[n * columns + c]));
      store(byNode, t, c, shares);
    }
  }
}

Check CombineData::compare(Buffer &expected) {
  Check found;
  for (size_t t = 0; t < problem.tokens(); ++t)
    found.wrongRows += std::memcmp(resultRow(t), expected.data() + t * bytes, bytes) != 0;
  return found;
}

Check CombineData::checkExact() { return compare(exact); }
Check CombineData::checkDefinition() { return compare(problem.nodes() == 1 ? exact : byNode); }

/// The weights of a token add up to 1 and |v| < 2, so all its partial sums together stay below 2. Rounding each of
/// them, the result, and the reference adds at most one rounding error of 2 each; adding f32 in another order adds at
/// most one more of f32 per term.
Check CombineData::checkRounded() {
  const double rows = roundingError(problem.options.element), sums = roundingError(Element::F32);
  return compareNear(2 * (3 * rows + 2 * problem.options.topk * sums), 0);
}

/// As above for the sums, which are then rounded to values that are the same or neighbours.
Check CombineData::checkReordered() {
  const double sums = roundingError(Element::F32);
  return compareNear(2 * 2 * problem.options.topk * sums, 2 * roundingError(problem.options.element));
}

/// `relative`: to the larger of the two values.
Check CombineData::compareNear(double absolute, double relative) {
  const Element element = problem.options.element;
  const size_t columns = size_t(problem.options.hidden), width = elementSize(element);
  auto value = [&](const char *row, size_t c) {
    uint32_t bits = 0;
    std::memcpy(&bits, row + c * width, width);
    return double(decode(element, bits));
  };
  Check found;
  double worst = 0;
  for (size_t t = 0; t < problem.tokens(); ++t) {
    bool right = true;
    for (size_t c = 0; c < columns; ++c) {
      const double is = value(resultRow(t), c), should = value(exact.data() + t * bytes, c);
      const double apart = std::fabs(is - should);
      right &= apart <= absolute + relative * std::max(std::fabs(is), std::fabs(should)); // a NaN is not
      worst = apart <= worst ? worst : apart;
    }
    found.wrongRows += !right;
  }
  found.error = worst;
  return found;
}

} // namespace faro::bench
