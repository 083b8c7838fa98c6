// FARO_CHECK=1: is a batch's plan right? Ranks compute their plans apart, from counts; here they are put together.
//
//   Plan, NodePlan ─► planRecord ─(all-gather)─► PlanCheck::create   every row written once, flows agree on both sides
//                                                PlanCheck::arrived  a row's header says what its owner planned
//
// Exact, not cheap: a record has 12 bytes an item, and every rank reads everybody's. It is for tests and for finding
// faults, not for large jobs.
#pragma once

#include "faro/communicator.h"
#include "runtime/plan/NodePlan.h"

#include <map>
#include <span>

namespace faro {

/// Whether FARO_CHECK=1 was in the environment when first asked.
bool checksPlans();

/// What other ranks need to know of this rank's plan. `across` is null when all ranks are on one node.
Bytes planRecord(const Topology &, uint32_t rank, const Plan &, const NodePlan *across);

class PlanCheck {
public:
  /// `records` of all ranks, by rank. INTERNAL, naming rank, token, choice and row, for: a row of this rank's window
  /// that is written twice, never, or out of bounds; windows of which ranks think differently; a flow whose two ends
  /// disagree, whose rows do not add up or whose owner would find other rows in it; a transit row filled twice or
  /// never; a partial row that two sums would land in; another balancer or another program.
  static Expected<PlanCheck> create(const Topology &, uint32_t rank, const Plan &, const NodePlan *across,
                                    std::span<const Bytes> records);

  /// Row `flowRow` of what `rail` sends this rank, as it arrived: its destinations must be those that its owner
  /// planned, in their order, on this node. (Dispatch.)
  Status arrived(uint32_t rail, uint32_t flowRow, std::span<const Place> destinations) const;

private:
  struct Row {
    uint32_t owner, token;
    std::vector<Place> destinations;
  };
  uint32_t rank = 0;
  std::map<uint32_t, std::vector<Row>> expected; ///< rail -> rows of the flow to this rank
};

} // namespace faro
