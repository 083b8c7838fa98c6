#include "runtime/engine/Engine.h"

#include "runtime/engine/SliceExchange.h"

#include <algorithm>
#include <thread>

namespace faro {

Run::Run(std::unique_ptr<RunContext> c, Bindings b, std::vector<FlowRun> f)
    : context(std::move(c)), schedule(*context->schedule), board(*context->parts.board), bindings(std::move(b)),
      flows(std::move(f)), times(context->parts.onStage, schedule) {
  const uint32_t stages = schedule.stage_count;
  onceBefore.resize(stages);
  marks.resize(stages);
  flowsLeftOf.resize(stages);
  for (uint32_t s = 0; s < stages; ++s) {
    const faro_abi_stage &stage = schedule.stages[s];
    if (kindOf(stage).onceASlice)
      sliceStages.push_back(s);
    else
      onceStages |= uint64_t(1) << s;
    // Also what stages before it wait for: a slice that arrives has passed these at the sender, not here.
    for (uint32_t i = 0; i < stage.after_count; ++i) {
      const uint32_t before = stage.after[i];
      onceBefore[s] |= onceBefore[before] | (onceStages & uint64_t(1) << before);
    }
  }
  const auto now = Clock::now();
  for (FlowRun &flow : flows) {
    flow.fired.resize(stages);
    flow.done.resize(stages);
    flow.lastChange = now;
    if (flow.slices == 0)
      continue;
    making += flow.end() == FlowEnd::Sender;
    for (uint32_t s : sliceStages)
      flowsLeftOf[s] += kindOf(schedule.stages[s]).end == flow.end();
  }
  if (context->rings) // last: from here on slices come to this object, whose destructor says that it is gone
    context->rings->taker = this;
}

void Run::stop() {
  if (context->rings && context->rings->taker == this)
    context->rings->taker = nullptr;
}

Run::~Run() {
  stop();
  if (isOver())
    return;
  if (context->parts.exchange)
    context->parts.exchange->stop();
  context->kernels->drain();
}

bool Run::isOver() const {
  return done == onceStages && std::ranges::all_of(flowsLeftOf, [](uint32_t left) { return left == 0; }) &&
         std::ranges::all_of(flows, &FlowRun::slotsFree);
}

Expected<bool> Run::advance() {
  while (true) {
    auto moved = turn();
    if (!moved)
      return moved.status();
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
    FARO_RETURN_IF_ERROR(settleDevice());
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
  // Where ranks outnumber cores, one that has been woken would get this core at the end of this rank's time slice,
  // which is milliseconds away, and a wire may wait for it. Elsewhere only what is no rank would get it, for as long.
  if (moved && context->rings && board.isCrowded())
    std::this_thread::yield();
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

/// Whether peers may touch this rank's rows, as far as a device is concerned: before that it must have come by what its
/// stream held when the call was made, which may write results there, or read what was received.
Expected<bool> Run::rowsAreFree(uint32_t s) {
  if (rowsFree)
    return true;
  const uint64_t bit = uint64_t(1) << s;
  if (!(launched & bit)) {
    auto held = context->kernels->markHeld();
    if (!held)
      return held.status();
    marks[s] = *held;
    launched |= bit;
  }
  if (marks[s]) {
    auto passed = context->kernels->passed(marks[s]);
    if (!passed || !*passed)
      return passed;
    marks[s] = 0;
  }
  return rowsFree = true;
}

/// False when the stage cannot be done yet.
Expected<bool> Run::fireFlag(uint32_t s) {
  const faro_abi_stage &stage = schedule.stages[s];
  times.waits(s);
  const bool raises = stage.op == FARO_ABI_STAGE_NOTIFY;
  const Expected<bool> fired = raises ? rowsAreFree(s) : board.test(stage.flag, context->mine.activity);
  if (!fired || !*fired)
    return fired;
  if (raises)
    board.notify(stage.flag, context->mine);
  done |= uint64_t(1) << s;
  times.ends(s);
  return true;
}

/// False when a device still works on the last grain.
Expected<bool> Run::step(uint32_t s) {
  const uint64_t bit = uint64_t(1) << s;
  if (marks[s]) {
    auto passed = context->kernels->passed(marks[s]);
    if (!passed || !*passed)
      return passed;
    marks[s] = 0;
    times.ends(s);
  }
  if (!(launched & bit)) {
    times.begins(s);
    auto last = bindings.once[s]->step();
    if (!last)
      return last;
    launched |= *last ? bit : 0;
    auto mark = context->kernels->mark();
    if (!mark)
      return mark.status();
    marks[s] = *mark;
    if (!*mark)
      times.ends(s);
  }
  if (launched & bit && !marks[s])
    done |= bit;
  return true;
}

/// Stages stand in an order that respects `after`, so one pass fires all that can fire; an await that has just become
/// true may free more, which the next turn finds.
Expected<bool> Run::fireShort() {
  bool moved = false;
  for (uint32_t s = 0; s < schedule.stage_count; ++s) {
    const faro_abi_stage &stage = schedule.stages[s];
    if (!kindOf(stage).flag || isDone(s) || !ready(s))
      continue;
    auto fired = fireFlag(s);
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
      const StageKind &kind = kindOf(schedule.stages[s]);
      if (kind.flag || kind.onceASlice || kind.urgent != urgent || isDone(s) || !ready(s))
        continue;
      auto fired = step(s);
      if (!fired || *fired)
        return fired;
    }
  }
  return false;
}

} // namespace faro
