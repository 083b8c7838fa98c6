// The part of PlanCheck about what crosses nodes: three looks at one batch, each from where a rank stands.
#pragma once

#include "runtime/plan/PlanCheck.h"
#include "runtime/plan/PlanRecord.h"

namespace faro {

/// As owner: each item leaves once, with its token, for its node; pieces cover the remote rows; each row of the partial
/// window takes one sum.
Status checkOwner(const Topology &, uint32_t rank, const Plan &, const NodePlan &);

/// As rail: the ranks of this node fill each row of each of its flows, and of its transit window, once, and its loads
/// are those rows. Fills rows.returns.
Status checkRail(const Topology &, uint32_t rank, const NodePlan &, std::span<const PlanRecord>, FlowRows &rows);

/// As forwarder: each flow that it expects is sent, as large, and none else; each row of it has one owner, and each
/// item on this node comes in one. Fills rows.arrivals.
Status checkForwarder(const Topology &, uint32_t rank, const NodePlan &, std::span<const PlanRecord>, FlowRows &rows);

} // namespace faro
