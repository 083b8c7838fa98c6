// How slices go through their stages: flow by flow, as soon as slots and what comes before allow.
#include "runtime/engine/Engine.h"
#include "runtime/engine/SliceExchange.h"

#include <algorithm>

namespace faro {

/// Notes what the device has done since.
Status Run::settleDevice() {
  while (!underway.empty()) {
    const Firing first = underway.front();
    auto passed = context->kernels->passed(first.mark);
    if (!passed || !*passed)
      return passed.status();
    underway.pop_front();
    ++changes;
    first.flow->lastChange = Clock::now();
    FARO_RETURN_IF_ERROR(completed(*first.flow, first.stage));
  }
  return Status::ok();
}

/// Notes what the wire has done since: slices that are sent, slices that arrived.
Status Run::settle() {
  const uint32_t wire = context->rings->shape.wire;
  for (FlowRun &flow : flows) {
    if (flow.done[wire] == flow.slices)
      continue;
    const uint64_t there = flow.out ? flow.out->sent - flow.begun : flow.in->arrived - flow.begun;
    const uint32_t now = uint32_t(std::min<uint64_t>(there, flow.slices));
    if (flow.done[wire] == now)
      continue;
    ++changes;
    flow.lastChange = Clock::now();
    if (flow.in)
      flow.done[wire] = now;
    else
      while (flow.done[wire] < now)
        FARO_RETURN_IF_ERROR(completed(flow, wire));
  }
  return Status::ok();
}

Status Run::grantSlots() {
  for (const FlowRun &flow : flows)
    if (flow.in && flow.slices > 0)
      FARO_RETURN_IF_ERROR(context->parts.exchange->grant(*context->rings, *flow.in));
  return Status::ok();
}

bool Run::tokensThere(const FlowRun &flow, uint32_t stage) const {
  const faro_abi_stage &each = schedule.stages[stage];
  if (!each.acquires)
    return true;
  if (stage == context->rings->shape.wire && !flow.out->granted)
    return false;
  // Flows share a ring's slots fairly: one whose peer is slow must not sit on all of them.
  const SliceRings &rings = *context->rings;
  uint32_t slots = ~0u;
  for (uint32_t r = 0; r < rings.shape.ringCount; ++r)
    if (each.acquires >> r & 1 && !rings.shape.rings[r].perFlow)
      slots = std::min(slots, rings.shape.rings[r].slots);
  const uint32_t sharers = std::max(making, 1u);
  return rings.available(flow.out->tokens, each.acquires, slots / sharers + (slots % sharers != 0));
}

/// Whether the flow's next slice has come by what stands before the stage.
bool Run::isNext(const FlowRun &flow, uint32_t s) const {
  const uint32_t n = flow.fired[s];
  if (n == flow.slices || (done & onceBefore[s]) != onceBefore[s])
    return false;
  const faro_abi_stage &stage = schedule.stages[s];
  const uint32_t wire = context->rings->shape.wire;
  if (flow.end() == FlowEnd::Receiver && flow.done[wire] <= n)
    return false;
  for (uint32_t i = 0; i < stage.after_count; ++i) {
    const faro_abi_stage &before = schedule.stages[stage.after[i]];
    // What happens at the flow's other end has happened when the slice is here.
    if (kindOf(before).onceASlice && kindOf(before).end == flow.end() && flow.done[stage.after[i]] <= n)
      return false;
  }
  return true;
}

/// Whether it can go through.
Expected<bool> Run::ready(const FlowRun &flow, uint32_t s) {
  if (!isNext(flow, s) || !tokensThere(flow, s))
    return false;
  return bindings.slices[s]->ready(flow, flow.fired[s]);
}

Status Run::fire(FlowRun &flow, uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  if (stage.acquires)
    context->rings->take(flow.out->tokens, stage.acquires);
  const uint32_t n = flow.fired[s]++;
  times.begins(s, &flow);
  FARO_RETURN_IF_ERROR(bindings.slices[s]->fire(flow, n));
  flow.lastChange = Clock::now();
  if (s == context->rings->shape.wire)
    return Status::ok();
  auto mark = context->kernels->mark();
  if (!mark)
    return mark.status();
  // A slice that had nothing to launch is done, but not before those of its flow that came to the stage earlier: `done`
  // counts, and what waits for n of them waits for the first n.
  const bool behindOthers =
      std::ranges::any_of(underway, [&](const Firing &earlier) { return earlier.flow == &flow && earlier.stage == s; });
  if (*mark == 0 && !behindOthers)
    return completed(flow, s);
  underway.push_back({&flow, s, *mark ? *mark : underway.back().mark});
  return Status::ok();
}

Status Run::completed(FlowRun &flow, uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  times.ends(s, &flow);
  const bool last = ++flow.done[s] == flow.slices;
  flowsLeftOf[s] -= last;
  if (flow.out) {
    for (uint32_t r = 0; stage.releases >> r; ++r)
      if (stage.releases >> r & 1)
        context->rings->giveBack(flow.out->tokens, r, 1);
    if (s == context->rings->shape.wire && last)
      --making;
    return Status::ok();
  }
  if (!stage.releases)
    return Status::ok();
  const auto news = last                     ? SliceExchange::News::IsLast
                    : sendsTo(flow.in->peer) ? SliceExchange::News::MayRide
                                             : SliceExchange::News::Travels;
  return context->parts.exchange->giveBack(*context->rings, *flow.in, stage.releases, news);
}

/// Whether slices of this call are still to go there.
bool Run::sendsTo(uint32_t peer) const {
  const uint32_t wire = context->rings->shape.wire;
  return std::ranges::any_of(
      flows, [&](const FlowRun &flow) { return flow.out && flow.out->peer == peer && flow.fired[wire] < flow.slices; });
}

/// False when it cannot go through the stage now.
Expected<bool> Run::fireIfReady(FlowRun &flow, uint32_t s) {
  auto can = ready(flow, s);
  if (can && *can)
    FARO_RETURN_IF_ERROR(fire(flow, s));
  return can;
}

/// Called while the transport makes progress, so never within a stage.
Expected<bool> Run::take(InFlow &in) {
  const auto flow = std::ranges::find(flows, &in, &FlowRun::in);
  if (flow == flows.end() || in.consumed < flow->begun || in.consumed >= flow->begun + flow->slices)
    return false;
  const uint32_t n = uint32_t(in.consumed - flow->begun);
  const auto reads = [&](uint32_t s) { return kindOf(schedule.stages[s]).end == FlowEnd::Receiver; };
  for (const uint32_t s : sliceStages)
    if (reads(s) && (flow->fired[s] != n || (done & onceBefore[s]) != onceBefore[s]))
      return false;
  uint32_t &there = flow->done[context->rings->shape.wire];
  there = n + 1;
  for (const uint32_t s : sliceStages) {
    if (!reads(s))
      continue;
    auto fired = fireIfReady(*flow, s);
    if (!fired || !*fired) {
      there = n; // it is to wait in its slot
      return fired;
    }
  }
  ++changes;
  return true;
}

/// Everything that is ready to be sent.
Expected<bool> Run::fireWires() {
  bool moved = false;
  for (FlowRun &flow : flows) {
    for (bool more = flow.out != nullptr; more;) {
      auto fired = fireIfReady(flow, context->rings->shape.wire);
      if (!fired)
        return fired;
      more = *fired;
      moved |= more;
    }
  }
  return moved;
}

/// One slice of the next flow that can go on, through all stages at this end that it can go through now: what was made
/// is sent at once, and what was read is a free slot.
Expected<bool> Run::fireNext(FlowEnd end) {
  uint32_t &next = nextFlow[end == FlowEnd::Receiver];
  const uint32_t count = uint32_t(flows.size());
  for (uint32_t i = 0; i < count; ++i) {
    FlowRun &flow = flows[(next + i) % count];
    if (flow.end() != end)
      continue;
    bool moved = false;
    for (const uint32_t s : sliceStages) {
      if (kindOf(schedule.stages[s]).end != end)
        continue;
      auto fired = fireIfReady(flow, s);
      if (!fired)
        return fired;
      moved |= *fired;
    }
    if (!moved)
      continue;
    next = (next + i + 1) % count;
    return true;
  }
  return false;
}

} // namespace faro
