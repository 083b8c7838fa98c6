#include "runtime/plan/ItemOrder.h"

#include <algorithm>
#include <numeric>

namespace faro {

ItemOrder itemOrder(const faro_abi_layout &layout) {
  const auto *begin = layout.order, *end = begin + 4;
  const auto *source = std::find(begin, end, FARO_ABI_KEY_SOURCE);
  std::vector<faro_abi_key> rest;
  for (const auto *key = source + 1; key != end; ++key)
    rest.push_back(faro_abi_key(*key));

  ItemOrder order;
  const bool expertBefore = source != begin;
  const bool expertNext = !expertBefore && rest.front() == FARO_ABI_KEY_EXPERT;
  order.blockPerExpert = expertBefore || expertNext;
  if (expertNext)
    rest.erase(rest.begin());
  // Token and choice together name an item: what follows them decides nothing.
  std::vector<faro_abi_key> keys;
  for (faro_abi_key key : rest) {
    const auto has = [&](faro_abi_key k) { return std::find(keys.begin(), keys.end(), k) != keys.end(); };
    if (has(FARO_ABI_KEY_TOKEN) && has(FARO_ABI_KEY_CHOICE))
      break;
    keys.push_back(key);
  }
  if (keys != std::vector<faro_abi_key>{FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE})
    order.sortKeys = keys;
  return order;
}

std::vector<uint32_t> sortItems(const ItemOrder &order, const faro_abi_routes &routes, const Plan &plan, TopkIdx idx) {
  std::vector<uint32_t> items(plan.choices.size()), sorted(items.size());
  std::iota(items.begin(), items.end(), 0u);
  for (auto key = order.sortKeys.rbegin(); key != order.sortKeys.rend(); ++key) {
    auto value = [&](uint32_t item) -> size_t {
      const uint32_t choice = plan.choices[item];
      if (*key == FARO_ABI_KEY_EXPERT)
        return size_t(idx.data[choice]);
      return *key == FARO_ABI_KEY_TOKEN ? choice / routes.topk : choice % routes.topk;
    };
    const size_t values = *key == FARO_ABI_KEY_EXPERT  ? routes.experts
                          : *key == FARO_ABI_KEY_TOKEN ? size_t(idx.tokens)
                                                       : routes.topk;
    std::vector<uint32_t> next(values + 1);
    for (uint32_t item : items)
      ++next[value(item) + 1];
    std::partial_sum(next.begin(), next.end(), next.begin());
    for (uint32_t item : items)
      sorted[next[value(item)]++] = item;
    items.swap(sorted);
  }
  return items;
}

} // namespace faro
