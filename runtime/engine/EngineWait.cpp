// How a run waits, and what it says when it waited for too long.
#include "runtime/engine/Engine.h"
#include "runtime/engine/SliceExchange.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace faro {

/// Whether a slice that is ready is held up by the rings alone.
bool Run::waitsForCredit() const {
  if (!context->rings)
    return false;
  const uint32_t wire = context->rings->shape.wire;
  for (const FlowRun &flow : flows)
    if (flow.out && isNext(flow, wire) && !tokensThere(flow, wire))
      return true;
  return false;
}

/// Ranks of this node whose flags are awaited, and the other ends of flows of which slices are still to come or to go.
/// Not those whose slices are all here and wait for something else: these ranks are done, and may leave.
std::vector<uint32_t> Run::absent() const {
  std::vector<uint32_t> ranks;
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    if (schedule.stages[s].op == FARO_ABI_STAGE_AWAIT && !isDone(s) && ready(s))
      for (const uint32_t rank : board.missing(schedule.stages[s].flag))
        ranks.push_back(rank);
  for (const FlowRun &flow : flows)
    if (flow.done[context->rings->shape.wire] < flow.slices || !flow.slotsFree())
      ranks.push_back(flow.peer());
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

/// The first stage of the flow that cannot go on, and why.
std::string Run::waitOf(const FlowRun &flow) const {
  const SliceRings &rings = *context->rings;
  const uint32_t wire = rings.shape.wire;
  const double since = std::chrono::duration<double>(Clock::now() - flow.lastChange).count();
  const RingShape &arrivals = rings.shape.rings[rings.arrivalRing()];
  const auto say = [&](uint32_t stage, uint32_t n, const std::string &what) {
    const faro_abi_stage &each = schedule.stages[stage];
    // The slots that a rank fills are of all its flows: which one is next is not known.
    const bool fills = flow.out && stage != wire && each.into != FARO_ABI_NO_RING;
    const std::string slot = fills
                                 ? fmt::format("a slot of ring {}", rings.shape.rings[each.into].name)
                                 : fmt::format("slot {} of ring {}", (flow.begun + n) % arrivals.slots, arrivals.name);
    return fmt::format("{} of slice {} of {} {} rank {} ({}) waits for {}, for {:.1f} s", each.name, n, flow.slices,
                       flow.out ? "to" : "from", flow.peer(), slot, what, since);
  };
  if (flow.in) {
    if (flow.done[wire] < flow.slices)
      return say(wire, flow.done[wire], "it to arrive");
  } else if (flow.done[wire] < flow.fired[wire]) {
    return say(wire, flow.done[wire], "its bytes to leave");
  }
  for (const uint32_t s : sliceStages) {
    if (kindOf(schedule.stages[s]).end != flow.end() || flow.fired[s] == flow.slices)
      continue;
    for (uint32_t before = 0; before < s; ++before)
      if (onceBefore[s] >> before & 1 && !isDone(before))
        return say(s, flow.fired[s], fmt::format("stage {}", schedule.stages[before].name));
    if (s == wire && !flow.out->granted)
      return say(s, 0, "the other end to make slots for it");
    for (uint32_t r = 0; r < rings.shape.ringCount; ++r)
      if (schedule.stages[s].acquires >> r & 1 && !rings.available(flow.out->tokens, 1u << r, ~0u))
        return say(s, flow.fired[s],
                   fmt::format("a slot of ring {}{}", rings.shape.rings[r].name,
                               rings.shape.rings[r].givenBackAt == flow.end() ? "" : " that the other end gives back"));
  }
  for (const uint32_t s : sliceStages) {
    if (kindOf(schedule.stages[s]).end != flow.end() || flow.done[s] == flow.slices)
      continue;
    if (flow.done[s] < flow.fired[s])
      return say(s, flow.done[s], "its device");
    const bool isAsked = schedule.stages[s].op == FARO_ABI_STAGE_REDUCE;
    return say(s, flow.done[s], isAsked ? "that rank to say which tokens it asks for" : "its rows");
  }
  return fmt::format(
      "all {} slices to rank {} are sent, and their slots of ring {} are not all given back, for {:.1f} s", flow.slices,
      flow.peer(), arrivals.name, since);
}

/// A stage that a device works on, while nothing else can be done.
std::optional<uint32_t> Run::waitsForDevice() const {
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    if (marks[s])
      return s;
  return underway.empty() ? std::nullopt : std::optional(underway.front().stage);
}

std::string Run::waits() const {
  constexpr uint32_t Most = 4; // the others wait for the same, as a rule
  std::string text;
  for (uint32_t s = 0; s < schedule.stage_count; ++s)
    if (schedule.stages[s].op == FARO_ABI_STAGE_AWAIT && !isDone(s) && ready(s))
      text += fmt::format("{}stage {} waits for its flag", text.empty() ? "" : "; ", schedule.stages[s].name);
  uint32_t left = 0;
  for (const FlowRun &flow : flows) {
    bool over = flow.slotsFree();
    for (const uint32_t s : sliceStages)
      over &= kindOf(schedule.stages[s]).end != flow.end() || flow.done[s] == flow.slices;
    if (!over && left++ < Most)
      text += (text.empty() ? "" : "; ") + waitOf(flow);
  }
  return left > Most ? fmt::format("{}; and {} more flows", text, left - Most) : text;
}

SignalBoard::Waiter Run::newWaiter() {
  return flows.empty() ? SignalBoard::Waiter(board) : SignalBoard::Waiter(board, [this] { return absent(); });
}

Expected<bool> Run::test() {
  auto over = advance();
  if (!over || *over)
    return over;
  if (!watch || changes != watched) {
    watched = changes;
    watch = newWaiter();
  }
  if (const Status looked = watch->look(schedule.name); !looked)
    return withWaits(looked);
  FARO_RETURN_IF_ERROR(lookAtDeadline(*watch));
  return false;
}

Status Run::lookAtDeadline(const SignalBoard::Waiter &waiter) const {
  const Status status = waiter.lookAtDeadline(schedule.name);
  if (status)
    return status;
  if (const std::optional<uint32_t> stage = waitsForDevice())
    return {status.code(), fmt::format("rank {}: stage {} of {} is not done on its device after {:.1f} s",
                                       context->rank(), schedule.stages[*stage].name, schedule.name, waiter.seconds())};
  return withWaits(status);
}

/// What a rank waited for in vain, with what its flows wait for.
Status Run::withWaits(Status status) const {
  if (status.code() != FARO_DEADLINE_EXCEEDED && status.code() != FARO_PEER_FAILED)
    return status;
  const std::string text = waits();
  return text.empty() ? status : Status(status.code(), fmt::format("{}: {}", status.message(), text));
}

Status Run::wait() {
  auto waiter = newWaiter();
  uint64_t before = changes;
  while (true) {
    auto over = advance();
    if (!over)
      return over.status();
    if (*over)
      return Status::ok();
    if (changes != before) { // something happened: the time-out counts from the last thing that did
      before = changes;
      waiter = newWaiter();
      continue;
    }
    if (waitsForDevice()) { // which rings no bell
      FARO_RETURN_IF_ERROR(waiter.look(schedule.name));
      FARO_RETURN_IF_ERROR(lookAtDeadline(waiter));
      std::this_thread::yield();
      continue;
    }
    const bool credit = waitsForCredit();
    const auto start = credit ? Clock::now() : Clock::time_point();
    const Status paused = waiter.pause(schedule.name);
    if (credit)
      context->parts.statistics->creditWaitNs += uint64_t((Clock::now() - start) / std::chrono::nanoseconds(1));
    if (!paused)
      return withWaits(paused);
  }
}

} // namespace faro
