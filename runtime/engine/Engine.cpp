#include "runtime/engine/Engine.h"

#include "runtime/engine/SliceExchange.h"

#include <algorithm>

namespace faro {

/// Needs little time, and others wait for it.
static bool isFlag(const faro_abi_stage &stage) {
  return stage.op == FARO_ABI_STAGE_NOTIFY || stage.op == FARO_ABI_STAGE_AWAIT;
}

/// Comes before any slice can be made: here or at the ranks that wait for it.
static bool isUrgent(const faro_abi_stage &stage) {
  return stage.op == FARO_ABI_STAGE_HAND || stage.op == FARO_ABI_STAGE_ASK;
}

Run::Run(std::unique_ptr<RunContext> c, Bindings b, std::vector<FlowRun> f)
    : context(std::move(c)), schedule(*context->schedule), board(*context->parts.board), bindings(std::move(b)),
      flows(std::move(f)) {
  const uint32_t stages = schedule.stage_count;
  onceBefore.resize(stages);
  flowsLeftOf.resize(stages);
  for (uint32_t s = 0; s < stages; ++s) {
    const faro_abi_stage &stage = schedule.stages[s];
    // Also what stages before it wait for: a slice that arrives has passed these at the sender, not here.
    for (uint32_t i = 0; i < stage.after_count; ++i) {
      const uint32_t before = stage.after[i];
      onceBefore[s] |= onceBefore[before];
      if (!isOnceASlice(schedule.stages[before]))
        onceBefore[s] |= uint64_t(1) << before;
    }
    if (isOnceASlice(stage))
      sliceStages.push_back(s);
    else
      ++stagesLeft;
  }
  const auto now = Clock::now();
  for (FlowRun &flow : flows) {
    flow.fired.resize(stages);
    flow.done.resize(stages);
    flow.lastChange = now;
    if (flow.slices == 0)
      continue;
    making += flow.end == FlowEnd::Sender;
    for (uint32_t s : sliceStages)
      if (endOf(schedule.stages[s]) == flow.end) {
        ++flowsLeftOf[s];
        ++flowsLeft;
      }
  }
}

Run::~Run() {
  if (!isOver() && context->parts.exchange)
    context->parts.exchange->stop();
}

Expected<bool> Run::advance() {
  while (true) {
    auto moved = turn();
    if (!moved)
      return reasonFor(moved.status());
    if (isOver())
      return true;
    if (!*moved)
      return false;
    ++changes;
  }
}

/// One round of the game. True when anything happened.
Expected<bool> Run::turn() {
  bool moved = false;
  const auto note = [&moved](const Expected<bool> &happened) {
    moved |= happened && *happened;
    return happened.status();
  };
  if (context->rings) {
    context->parts.communicator->progress();
    FARO_RETURN_IF_ERROR(context->parts.exchange->failure());
    FARO_RETURN_IF_ERROR(settle());
    FARO_RETURN_IF_ERROR(grantSlots());
  }
  FARO_RETURN_IF_ERROR(note(fireShort()));
  bool sliced = false;
  if (context->rings) {
    FARO_RETURN_IF_ERROR(note(fireWires()));
    for (const FlowEnd end : {FlowEnd::Sender, FlowEnd::Receiver}) {
      auto fired = fireNext(end);
      if (!fired)
        return fired.status();
      sliced |= *fired;
    }
    moved |= sliced;
  }
  FARO_RETURN_IF_ERROR(note(fireGrain(/*urgentOnly=*/sliced)));
  return moved || isOver();
}

//===------------------------------------------------------ once stages ---===//

bool Run::ready(uint32_t stage) const {
  if ((done & onceBefore[stage]) != onceBefore[stage])
    return false;
  const faro_abi_stage &each = schedule.stages[stage];
  for (uint32_t i = 0; i < each.after_count; ++i)
    if (flowsLeftOf[each.after[i]] > 0)
      return false;
  return true;
}

/// False when the stage cannot be done yet; only an await ever is so, and work that has more grains.
Expected<bool> Run::fireOnce(uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  Expected<bool> fired = true;
  if (stage.op == FARO_ABI_STAGE_NOTIFY)
    board.notify(stage.flag, context->mine);
  else if (stage.op == FARO_ABI_STAGE_AWAIT)
    fired = board.test(stage.flag, context->mine.activity);
  else
    fired = bindings.once[s]->step();
  if (fired && *fired) {
    done |= uint64_t(1) << s;
    --stagesLeft;
  }
  return fired;
}

/// Stages stand in an order that respects `after`, so one pass fires all that can fire; an await that has just become
/// true may free more, which the next turn finds.
Expected<bool> Run::fireShort() {
  bool moved = false;
  for (uint32_t s = 0; s < schedule.stage_count; ++s) {
    const faro_abi_stage &stage = schedule.stages[s];
    if (!isFlag(stage) || isDone(s) || !ready(s))
      continue;
    auto fired = fireOnce(s);
    if (!fired)
      return fired;
    moved |= *fired;
  }
  return moved;
}

/// A grain of the first stage that has work: one that others wait for, then in the order of the schedule.
Expected<bool> Run::fireGrain(bool urgentOnly) {
  for (const bool urgent : {true, false}) {
    if (!urgent && urgentOnly)
      break;
    for (uint32_t s = 0; s < schedule.stage_count; ++s) {
      const faro_abi_stage &stage = schedule.stages[s];
      if (isFlag(stage) || isOnceASlice(stage) || isUrgent(stage) != urgent || isDone(s) || !ready(s))
        continue;
      auto fired = fireOnce(s);
      return fired ? Expected<bool>(true) : fired;
    }
  }
  return false;
}

//===------------------------------------------------------------ slices ---===//

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
  if (std::exchange(granted, true))
    return Status::ok();
  for (const FlowRun &flow : flows)
    if (flow.in && flow.slices > 0)
      FARO_RETURN_IF_ERROR(context->parts.exchange->grant(*context->rings, *flow.in));
  return Status::ok();
}

bool Run::tokensBack() const {
  for (const FlowRun &flow : flows)
    if (flow.out && flow.out->tokens.taken != flow.out->tokens.returned)
      return false;
  return true;
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

/// Whether the flow's next slice can go through the stage.
Expected<bool> Run::ready(const FlowRun &flow, uint32_t s) {
  const uint32_t n = flow.fired[s];
  if (n == flow.slices || (done & onceBefore[s]) != onceBefore[s])
    return false;
  const faro_abi_stage &stage = schedule.stages[s];
  const uint32_t wire = context->rings->shape.wire;
  if (flow.end == FlowEnd::Receiver && flow.done[wire] <= n)
    return false;
  for (uint32_t i = 0; i < stage.after_count; ++i) {
    const faro_abi_stage &before = schedule.stages[stage.after[i]];
    // What happens at the flow's other end has happened when the slice is here.
    if (isOnceASlice(before) && endOf(before) == flow.end && flow.done[stage.after[i]] <= n)
      return false;
  }
  if (!tokensThere(flow, s))
    return false;
  return bindings.slices[s]->ready(flow, n);
}

Status Run::fire(FlowRun &flow, uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  if (stage.acquires)
    context->rings->take(flow.out->tokens, stage.acquires);
  const uint32_t n = flow.fired[s]++;
  FARO_RETURN_IF_ERROR(bindings.slices[s]->fire(flow, n));
  flow.lastChange = Clock::now();
  return s == context->rings->shape.wire ? Status::ok() : completed(flow, s);
}

Status Run::completed(FlowRun &flow, uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  const bool last = ++flow.done[s] == flow.slices;
  if (last) {
    --flowsLeftOf[s];
    --flowsLeft;
  }
  if (flow.out) {
    for (uint32_t r = 0; stage.releases >> r; ++r)
      if (stage.releases >> r & 1)
        context->rings->giveBack(flow.out->tokens, r, 1);
    if (s == context->rings->shape.wire && last)
      --making;
    return Status::ok();
  }
  return stage.releases ? context->parts.exchange->giveBack(*context->rings, *flow.in, stage.releases, last)
                        : Status::ok();
}

/// Everything that is ready to be sent.
Expected<bool> Run::fireWires() {
  const uint32_t wire = context->rings->shape.wire;
  bool moved = false;
  for (FlowRun &flow : flows) {
    if (!flow.out)
      continue;
    while (true) {
      auto can = ready(flow, wire);
      if (!can)
        return can;
      if (!*can)
        break;
      FARO_RETURN_IF_ERROR(fire(flow, wire));
      moved = true;
    }
  }
  return moved;
}

/// One slice of the next flow that can go on. What was made is sent at once.
Expected<bool> Run::fireNext(FlowEnd end) {
  uint32_t &next = nextFlow[end == FlowEnd::Receiver];
  const uint32_t wire = context->rings->shape.wire, count = uint32_t(flows.size());
  for (uint32_t i = 0; i < count; ++i) {
    FlowRun &flow = flows[(next + i) % count];
    if (flow.end != end)
      continue;
    for (const uint32_t s : sliceStages) {
      if (s == wire || endOf(schedule.stages[s]) != end)
        continue;
      auto can = ready(flow, s);
      if (!can)
        return can;
      if (!*can)
        continue;
      FARO_RETURN_IF_ERROR(fire(flow, s));
      next = (next + i + 1) % count;
      if (end == FlowEnd::Receiver)
        return true;
      auto send = ready(flow, wire);
      if (!send)
        return send;
      if (*send)
        FARO_RETURN_IF_ERROR(fire(flow, wire));
      return true;
    }
  }
  return false;
}

} // namespace faro
