#include "runtime/plan/ExpertMap.h"

#include <fmt/format.h>

namespace faro {

Expected<ExpertMap> makeExpertMap(const faro_abi_routes &routes, uint32_t ranks) {
  const uint32_t experts = routes.experts;
  ExpertMap map;
  map.owner.resize(experts);
  const uint32_t each = experts / ranks, more = experts % ranks;
  for (uint32_t r = 0, e = 0; r < ranks && routes.placement == FARO_ABI_PLACEMENT_BLOCK; ++r)
    for (const uint32_t end = e + each + (r < more ? 1 : 0); e < end; ++e)
      map.owner[e] = r;
  for (uint32_t e = 0; e < experts && routes.placement != FARO_ABI_PLACEMENT_BLOCK; ++e) {
    map.owner[e] = routes.placement == FARO_ABI_PLACEMENT_ROUND_ROBIN ? e % ranks : routes.table[e];
    if (map.owner[e] >= ranks)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("the placement table puts expert {} on rank {}, but there are {} "
                                "ranks",
                                e, map.owner[e], ranks));
  }

  // A stable counting sort of the experts by rank.
  map.firstOfRank.assign(ranks + 1, 0);
  for (uint32_t rank : map.owner)
    ++map.firstOfRank[rank + 1];
  for (uint32_t r = 0; r < ranks; ++r)
    map.firstOfRank[r + 1] += map.firstOfRank[r];
  std::vector<uint32_t> next(map.firstOfRank.begin(), map.firstOfRank.end() - 1);
  map.expertsBy.resize(experts);
  for (uint32_t e = 0; e < experts; ++e)
    map.expertsBy[next[map.owner[e]]++] = e;
  return map;
}

} // namespace faro
