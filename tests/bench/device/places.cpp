#include "tests/bench/device/places.h"

namespace faro::bench {

Places::Places(const std::vector<Problem> &problems) {
  const size_t ranks = problems.size(), topk = problems.front().topkSize();
  for (const Problem &problem : problems)
    items.emplace_back(problem.options.items());
  std::vector<uint32_t> left(ranks); // rows of each source that are on the wire already
  for (size_t target = 0; target < ranks; ++target) {
    const std::vector<Item> &received = problems[target].received;
    std::vector<uint32_t> rows(ranks), next(ranks);
    for (const Item &item : received)
      if (item.source >= 0)
        ++rows[size_t(item.source)];
    uint32_t arrived = 0;
    for (size_t source = 0; source < ranks; ++source) {
      if (rows[source])
        segments.push_back({source, target, left[source], arrived, rows[source]});
      next[source] = arrived;
      arrived += rows[source];
    }
    arrivedRows.push_back(arrived);
    for (size_t row = 0; row < received.size(); ++row) {
      const Item &item = received[row];
      if (item.source < 0)
        continue;
      const size_t source = size_t(item.source);
      items[source][size_t(item.token) * topk + size_t(item.choice)] = {uint32_t(target), uint32_t(row), next[source]++,
                                                                        left[source]++};
    }
  }
}

std::vector<PaddingRun> paddingOf(const Problem &problem) {
  std::vector<PaddingRun> runs;
  for (size_t row = 0; row < problem.received.size(); ++row) {
    if (problem.received[row].source >= 0)
      continue;
    if (!runs.empty() && runs.back().first + runs.back().rows == row)
      ++runs.back().rows;
    else
      runs.push_back({row, 1});
  }
  return runs;
}

} // namespace faro::bench
