// One batch, as prepare found it: the plan behind a handle.
#pragma once

#include "runtime/plan/NodePlan.h"
#include "runtime/plan/PlanCheck.h"

#include <memory>
#include <optional>

namespace faro {

struct Batch final : Plan {
  Batch(Plan plan, std::shared_ptr<const void> maker, uint64_t hash)
      : Plan(std::move(plan)), maker(std::move(maker)), hash(hash) {}

  const std::shared_ptr<const void> maker; ///< stands for the session; held, so that no later one has the same address
  const uint64_t hash;                     ///< of everybody's routing, the same on all ranks
  std::optional<NodePlan> across;          ///< where ranks are on several nodes
  std::optional<PlanCheck> check;          ///< with FARO_CHECK=1
};

} // namespace faro
