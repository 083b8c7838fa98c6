// FARO_CHECK=1: is a batch's plan right? Ranks compute their plans apart, from counts; here they are put together.
//
//   Plan, NodePlan ─► planRecord ─(all-gather)─► PlanCheck::create     rows written once, flows alike on both sides
//                                                PlanCheck::arrived    a row's header says what its owner planned
//                                                PlanCheck::returned   a partial row lands where its owner waits
//
// Each rank checks what ends at it: its window, the flows that it carries or takes in, its own rows. All ranks together
// check everything. Exact, not cheap: a record has 12 bytes an item and more a remote row, and every rank reads
// everybody's. It is for tests and for finding faults, not for large jobs.
#pragma once

#include "faro/communicator.h"
#include "runtime/plan/NodePlan.h"

#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

namespace faro {

constexpr const char *CheckSetting = "FARO_CHECK"; ///< a switch in the environment
/// Whether it was on when first asked.
bool checksPlans();

/// What a check found: a fault of Faro's.
Status planFault(std::string message);

/// What other ranks need to know of this rank's plan. `across` is null when all ranks are on one node.
Bytes planRecord(const Plan &, const NodePlan *across);

/// What the flows at one rank carry, row by row, as the owners of the rows planned it.
struct FlowRows {
  struct Arrival {
    uint32_t owner, token;
    std::vector<Place> destinations;
  };
  std::map<uint32_t, std::vector<Arrival>> arrivals;                   ///< by rail: what it sends this rank
  std::map<uint32_t, std::set<std::pair<uint32_t, uint32_t>>> returns; ///< by forwarder: owners and partial rows
};

/// Partial rows that came back in one call: forwarder, owner, row.
using Returned = std::set<std::array<uint32_t, 3>>;

class PlanCheck {
public:
  /// `records` of all ranks, by rank. INTERNAL, naming rank, token, choice and row, for: a row of this rank's window
  /// that is written twice, never, or out of bounds; windows of which ranks think differently; another program; a flow
  /// whose two ends disagree, or whose rows are not those of the ranks behind it, each once; a transit row filled twice
  /// or never; an item that leaves twice or never; a partial row that two sums would land in.
  static Expected<PlanCheck> create(const Topology &, uint32_t rank, const Plan &, const NodePlan *across,
                                    std::span<const Bytes> records);

  /// Dispatch: row `flowRow` of what `rail` sends this rank, as it arrived. Its destinations must be those that its
  /// owner planned, in their order.
  Status arrived(uint32_t rail, uint32_t flowRow, std::span<const Place> destinations) const;

  /// Combine: a row of what `forwarder` sends back to this rank. (Owners ask apart from each other, so rows come back
  /// in any order.) Its one destination must be where an owner waits for a row of that flow, and none in `soFar`, which
  /// it joins; a call starts with an empty one.
  Status returned(uint32_t forwarder, std::span<const Place> destinations, Returned &soFar) const;

private:
  uint32_t rank = 0;
  FlowRows rows;
};

} // namespace faro
