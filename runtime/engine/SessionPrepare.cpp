// From a rank's routing to its part of the batch: counts are exchanged, then every rank plans alone.
#include "runtime/engine/SessionImpl.h"
#include "runtime/plan/PlanHash.h"

#include <fmt/format.h>

namespace faro {

Expected<std::shared_ptr<const Plan>> SessionImpl::makeBatch(const faro_abi_program &program, TopkIdx topkIdx) {
  ++stats.prepares;
  FARO_RETURN_IF_ERROR(checkIdle("prepare"));
  const auto found = experts.find(&program);
  if (found == experts.end() || program.op != FARO_ABI_DISPATCH)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {}: prepare needs a dispatch of module {}", communicator->rank(), module->name()));
  if (topkIdx.tokens < 0 || (topkIdx.tokens > 0 && !topkIdx.data))
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {}: prepare of {} tokens{}", communicator->rank(),
                                                     topkIdx.tokens, topkIdx.data ? "" : " without topk_idx"));
  const ExpertMap &map = found->second;
  const Topology &topology = communicator->topology();
  const uint32_t rank = communicator->rank();
  const bool acrossNodes = path() == FARO_ABI_HIERARCHICAL;
  auto mine = countItems(program.routes, rank, topkIdx);
  if (!mine)
    return mine.status();
  std::vector<uint32_t> rows;
  if (acrossNodes)
    rows = countNodeRows(topology, map, program.routes.topk, topkIdx);
  exchanges->board().about(0);
  auto all = exchanges->counts().exchange({activityOf(program, Prepare), routingHash(program, topkIdx), *mine, rows},
                                          fmt::format("the count exchange of {}", program.name));
  if (!all)
    return all.status();
  auto plan = makePlan(program, map, rank, all->items, topkIdx);
  if (!plan)
    return plan.status();
  auto batch = std::make_shared<Batch>(std::move(*plan), identity, planHash(all->hashes));
  if (acrossNodes) {
    auto across = makeNodePlan(topology, rank, *batch, all->rows, balancer);
    if (!across)
      return across.status();
    batch->across = std::move(*across);
  }
  if (checksPlans())
    FARO_RETURN_IF_ERROR(checkBatch(*batch));
  return std::shared_ptr<const Plan>(std::move(batch));
}

/// Puts everybody's plans side by side. Through the control connection: it is the slow and simple way.
Status SessionImpl::checkBatch(Batch &batch) {
  const NodePlan *across = batch.across ? &*batch.across : nullptr;
  auto records = communicator->allgather(planRecord(batch, across), "plans to check");
  if (!records)
    return records.status();
  auto check = PlanCheck::create(communicator->topology(), communicator->rank(), batch, across, *records);
  if (!check)
    return check.status();
  batch.check = std::move(*check);
  return Status::ok();
}

} // namespace faro
