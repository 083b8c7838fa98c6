#include "dialect/Layout/Layout.h"

#include <algorithm>

namespace faro::layout {

std::optional<uint64_t> RankRows::find(const Item &item) const {
  for (uint64_t row = 0; row < rows.size(); ++row)
    if (rows[row] == item)
      return row;
  return std::nullopt;
}

/// The values of the first key that have a group on this rank, whether items have them or not.
static std::vector<uint32_t> groupsOf(const Layout &layout, const Placement &placement, uint32_t ranks, uint32_t rank,
                                      const std::vector<Item> &sorted) {
  const Key first = layout.order.first();
  if (first == Key::Expert)
    return placement.expertsOf(rank, ranks);
  std::vector<uint32_t> groups;
  if (first == Key::Source) {
    for (uint32_t source = 0; source < ranks; ++source)
      groups.push_back(source);
    return groups;
  }
  for (const Item &item : sorted)
    if (groups.empty() || groups.back() != valueOf(item, first))
      groups.push_back(valueOf(item, first));
  return groups;
}

RankRows layOut(const Layout &layout, const Placement &placement, uint32_t ranks, uint32_t rank,
                std::vector<Item> items) {
  std::sort(items.begin(), items.end(), [&](const Item &a, const Item &b) { return layout.order.less(a, b); });
  RankRows result;
  result.groupStarts.push_back(0);
  auto item = items.begin();
  for (uint32_t group : groupsOf(layout, placement, ranks, rank, items)) {
    for (; item != items.end() && valueOf(*item, layout.order.first()) == group; ++item)
      result.rows.push_back(*item);
    while (result.rows.size() % layout.align != 0)
      result.rows.push_back(std::nullopt);
    result.groupStarts.push_back(result.rows.size());
  }
  return result;
}

} // namespace faro::layout
