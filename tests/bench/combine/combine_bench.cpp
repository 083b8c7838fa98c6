#include "tests/bench/combine/combine_bench.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace faro::bench {

CombineBench::CombineBench(const Problem &p, MPI_Comm c)
    : problem(p), comm(c), bytes(p.rowBytes()), rowType(bytes), rows(p.received.size() * bytes),
      result(p.tokens() * bytes), sent(std::max(p.received.size(), p.options.items()) * bytes),
      arrived(p.options.items() * bytes), reference(p.tokens() * bytes) {
  if (p.options.peers)
    fillExpertRows(rows.data(), bytes);
  makeReference();
}

void CombineBench::fillExpertRows(char *data, size_t stride) const {
  for (size_t i = 0; i < problem.received.size(); ++i) {
    const Item &item = problem.received[i];
    char *row = data + i * stride;
    std::memset(row, 0, stride);
    if (item.source >= 0)
      RowPattern(problem.options.element, item.source, item.token, item.choice).fill(row, bytes);
  }
}

/// The definition, one column after the other, from the pattern itself.
void CombineBench::makeReference() {
  const Element element = problem.options.element;
  const size_t k = problem.topkSize(), columns = size_t(problem.options.hidden), width = elementSize(element);
  std::vector<float> sum(columns);
  for (size_t t = 0; t < problem.tokens(); ++t) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (size_t j = 0; j < k; ++j) {
      const RowPattern pattern(element, problem.rank, int(t), int(j));
      for (size_t c = 0; c < columns; ++c) {
        const float product = problem.weights[t * k + j] * decode(element, pattern.bits(c));
        sum[c] += product;
      }
    }
    char *row = reference.data() + t * bytes;
    for (size_t c = 0; c < columns; ++c) {
      const uint32_t bits = encode(element, sum[c]);
      std::memcpy(row + c * width, &bits, width);
    }
  }
}

void CombineBench::sumItems(const char *items, bool streaming) {
  const size_t k = problem.topkSize();
  sumRows(problem.tokens(), result.data(), streaming, [&](size_t t, RowList &list) {
    for (size_t j = 0; j < k; ++j)
      list.rows[j] = items + (t * k + j) * bytes;
    list.weights = &problem.weights[t * k];
    list.count = int(k);
  });
}

Check CombineBench::checkExact() {
  Check found;
  for (size_t t = 0; t < problem.tokens(); ++t)
    found.wrongRows += std::memcmp(resultRow(t), reference.data() + t * bytes, bytes) != 0;
  return found;
}

/// The weights of a token add up to 1 and |v| < 2, so all its partial sums together stay below 2. Rounding each of
/// them, the result, and the reference adds at most one rounding error of 2 each; adding f32 in another order adds at
/// most one more of f32 per term.
Check CombineBench::checkRounded() {
  const Element element = problem.options.element;
  const double allowed = 2 * (3 * roundingError(element) + 2 * problem.options.topk * roundingError(Element::F32));
  const size_t columns = size_t(problem.options.hidden), width = elementSize(element);
  auto value = [&](const char *row, size_t c) {
    uint32_t bits = 0;
    std::memcpy(&bits, row + c * width, width);
    return double(decode(element, bits));
  };
  Check found;
  double worst = 0;
  for (size_t t = 0; t < problem.tokens(); ++t) {
    double error = 0;
    for (size_t c = 0; c < columns; ++c) {
      const double apart = std::fabs(value(resultRow(t), c) - value(reference.data() + t * bytes, c));
      error = apart <= error ? error : apart; // a NaN sticks
    }
    found.wrongRows += !(error <= allowed);
    worst = std::max(worst, error);
  }
  found.error = worst;
  return found;
}

void CombineBench::wipe() {
  result.wipe();
  sent.wipe();
  arrived.wipe();
}

void CombineBench::flush() {
  rows.flush();
  result.flush();
  sent.flush();
  arrived.flush();
}

} // namespace faro::bench
