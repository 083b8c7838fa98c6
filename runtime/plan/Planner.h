// From routing to plan. Pure functions: what is communicated between them (each rank's counts) is the session's
// business.
//
//   topk_idx ─► countItems ─► counts[E] ─(all-gather)─► makePlan ─► Plan
//
// O(tokens x topk + ranks x experts) time and memory. A rank never sees another rank's routing: it only knows how many
// items each source has for each expert, and that each source enumerates its own in the order of the layout.
#pragma once

#include "faro/session.h"
#include "runtime/plan/ExpertMap.h"
#include "runtime/plan/Plan.h"

#include <span>

namespace faro {

/// Items of this rank per expert. INVALID_ARGUMENT, naming rank, token and choice, for an expert outside
/// [-1, experts), or when there are more than 2^32 - 1 items.
Expected<std::vector<uint32_t>> countItems(const faro_abi_routes &routes, uint32_t rank, TopkIdx idx);

/// counts[s x experts + e]: items of source s for expert e, of all ranks. INVALID_ARGUMENT when a rank would receive
/// more than 2^32 - 1 rows.
Expected<Plan> makePlan(const faro_abi_program &program, const ExpertMap &map, uint32_t rank,
                        std::span<const uint32_t> counts, TopkIdx idx);

} // namespace faro
