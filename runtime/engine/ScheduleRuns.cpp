#include "runtime/engine/ScheduleRuns.h"

#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/PartialSums.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace faro {

namespace {

/// What the caller gave.
struct Arguments {
  ConstRows x;
  Combined combined{};
};

FlowRun makeFlow(const RunContext &run, FlowEnd end, uint32_t peer, uint32_t index, uint32_t rows) {
  FlowRun flow;
  flow.index = index;
  flow.rows = rows;
  flow.slices = run.rings->shape.slices(rows);
  // All slices of earlier calls have left, and have been read: those calls are over.
  if (end == FlowEnd::Sender) {
    flow.out = &run.rings->out(peer);
    flow.begun = flow.out->sent;
  } else {
    flow.in = &run.rings->in(peer);
    flow.begun = flow.in->consumed;
  }
  return flow;
}

/// The way back runs the same flows backwards. Each rank begins with the node behind its own, so that not all turn to
/// the same one first.
std::vector<FlowRun> makeFlows(const RunContext &run) {
  std::vector<FlowRun> flows;
  if (!run.batch->across)
    return flows;
  const bool combines = run.program->op == FARO_ABI_COMBINE;
  const auto &sends = run.batch->across->sends;
  const auto &receives = run.batch->across->receives;
  for (uint32_t i = 0; i < sends.size(); ++i)
    flows.push_back(
        makeFlow(run, combines ? FlowEnd::Receiver : FlowEnd::Sender, sends[i].forwarder, i, sends[i].rows));
  for (uint32_t i = 0; i < receives.size(); ++i)
    flows.push_back(
        makeFlow(run, combines ? FlowEnd::Sender : FlowEnd::Receiver, receives[i].rail, i, receives[i].rows));
  const Topology &topology = run.topology();
  const auto distance = [&](const FlowRun &flow) {
    return (topology.nodeOf(flow.peer()) + topology.nodes() - run.node()) % topology.nodes();
  };
  // No two flows of one direction have a peer in common.
  std::sort(flows.begin(), flows.end(), [&](const FlowRun &a, const FlowRun &b) {
    return std::tuple(distance(a), a.peer(), a.end()) < std::tuple(distance(b), b.peer(), b.end());
  });
  return flows;
}

Status bind(const RunContext &run, const Arguments &given, uint32_t s, Run::Bindings &to) {
  const faro_abi_stage &stage = run.schedule->stages[s];
  switch (stage.op) {
  case FARO_ABI_STAGE_NOTIFY:
  case FARO_ABI_STAGE_AWAIT:
    return Status::ok();
  case FARO_ABI_STAGE_PAD:
    to.once[s] = bindPad(run);
    return Status::ok();
  case FARO_ABI_STAGE_PUSH:
    to.once[s] = bindPush(run, stage, given.x);
    return Status::ok();
  case FARO_ABI_STAGE_PULL:
    to.once[s] = bindPull(run, stage, given.combined);
    return Status::ok();
  case FARO_ABI_STAGE_HAND:
    to.once[s] = bindHand(run, stage, given.x);
    return Status::ok();
  case FARO_ABI_STAGE_ASK:
    to.once[s] = bindAsk(run, stage, given.combined.weights);
    return Status::ok();
  case FARO_ABI_STAGE_GATHER:
    to.slices[s] = bindGather(run, stage, given.x);
    return Status::ok();
  case FARO_ABI_STAGE_REDUCE:
    to.slices[s] = bindReduce(run, stage);
    return Status::ok();
  case FARO_ABI_STAGE_WIRE:
    to.slices[s] = bindWire(run, stage);
    return Status::ok();
  case FARO_ABI_STAGE_FAN_OUT:
    to.slices[s] = bindFanOut(run, stage);
    return Status::ok();
  case FARO_ABI_STAGE_SETTLE:
    to.slices[s] = bindSettle(run, stage);
    return Status::ok();
  }
  return {FARO_INTERNAL, fmt::format("stage {} has unknown operation {}", stage.name, stage.op)};
}

Expected<std::unique_ptr<Run>> start(const RunParts &parts, const faro_abi_program &program,
                                     const faro_abi_schedule &schedule, const Batch &batch, SignalTag mine,
                                     const Arguments &given) {
  auto run = std::make_unique<RunContext>();
  run->parts = parts;
  run->program = &program;
  run->schedule = &schedule;
  run->batch = &batch;
  run->mine = mine;
  run->kernels = parts.device ? kernelsOnDevice(*run) : kernelsOnHost(*run);
  if (schedule.path == FARO_ABI_HIERARCHICAL) {
    run->rings = parts.exchange ? parts.exchange->ringsOf(schedule) : nullptr;
    if (!run->rings || !batch.across)
      return Status(FARO_INTERNAL, fmt::format("schedule {} crosses nodes, but the session does not", schedule.name));
    run->call = run->rings->calls++;
    if (program.op == FARO_ABI_COMBINE)
      run->sums = std::make_unique<PartialSums>(*run, given.combined);
  }
  Run::Bindings bindings;
  bindings.once.resize(schedule.stage_count);
  bindings.slices.resize(schedule.stage_count);
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    FARO_RETURN_IF_ERROR(bind(*run, given, s, bindings));
  auto flows = makeFlows(*run);
  return std::make_unique<Run>(std::move(run), std::move(bindings), std::move(flows));
}

} // namespace

Expected<std::unique_ptr<Run>> startDispatch(const RunParts &parts, const faro_abi_schedule &schedule,
                                             const Batch &batch, ConstRows x, uint16_t activity) {
  return start(parts, *batch.program, schedule, batch, {activity, 0}, {x, {}});
}

Expected<std::unique_ptr<Run>> startCombine(const RunParts &parts, const faro_abi_program &combine,
                                            const faro_abi_schedule &schedule, const Batch &batch, const float *weights,
                                            Rows out, SignalTag mine) {
  return start(parts, combine, schedule, batch, mine, {{}, {weights, out}});
}

} // namespace faro
