#include "tests/bench/dispatch/dispatch_data.h"

#include <algorithm>

namespace faro::bench {

DispatchData::DispatchData(const Problem &p) : ShuffleData(p), tokens(p.tokens() * bytes + 64) {
  for (size_t t = 0; t < p.tokens(); ++t)
    RowPattern(p.options.element, p.rank, int(t), 0).fill(token(t), bytes);
}

Check DispatchData::check(const void *rows, size_t count, size_t stride) const {
  const std::vector<Item> &expected = problem.received;
  Check found;
  found.wrongRows = std::max(count, expected.size()) - std::min(count, expected.size());
  for (size_t i = 0; i < std::min(count, expected.size()); ++i) {
    const char *row = static_cast<const char *>(rows) + i * stride;
    const Item &item = expected[i];
    const bool right = item.source < 0
                           ? isZero(row, bytes)
                           : RowPattern(problem.options.element, item.source, item.token, 0).matches(row, bytes);
    found.wrongRows += !right;
  }
  return found;
}

} // namespace faro::bench
