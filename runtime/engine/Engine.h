// The token game: fires the stages of a schedule as soon as what they wait for is there, and knows nothing else. What
// the stages mean for one batch is bound from outside.
//
//   once stages     done bits                       notify, await, pad, push, pull, hand, ask
//   slice stages    fired and done, a flow each     gather | reduce ─► wire ─(peer)─► settle ─► fan_out
//   rings           tokens, taken before a stage fires and given back when it is done (SliceRings)
//
// Where rows are on a device, a stage that fires launches kernels and is `underway`; it is done when the device is. The
// stream is in order, so those under way are done in the order in which they fired. On the host nothing ever is, so a
// slice whose turn it is can be read where the transport has it, before that has it back (`take`).
//
// One thread does everything, so what it does first decides how busy the wire is: a slice that is ready is sent before
// anything else; then the next one is made, and one that arrived is read, in turn; what no slot waits for, work within
// the node, is done in between, in grains. Waiting comes before anything is taken, so no flow can
// hold up another for good.
#pragma once

#include "runtime/engine/Binding.h"
#include "runtime/engine/RunContext.h"
#include "runtime/engine/StageTimes.h"

#include <deque>

namespace faro {

/// One run of one schedule. Not reusable.
class Run final : private SliceTaker {
public:
  /// Bindings by stage: `once` for once stages that are no flags, `slices` for those of slices; else null.
  struct Bindings {
    std::vector<std::unique_ptr<OnceBinding>> once;
    std::vector<std::unique_ptr<SliceBinding>> slices;
  };
  /// `flows`: those that leave here and those that arrive, in the order in which they are to take turns.
  Run(std::unique_ptr<RunContext> context, Bindings bindings, std::vector<FlowRun> flows);
  /// A run that is dropped before it is over stops the slice exchange and waits for the device: they may still read the
  /// caller's rows.
  ~Run();
  Run(const Run &) = delete;
  Run &operator=(const Run &) = delete;

  /// Takes no slice any more. Before it is dropped, when it has failed.
  void stop();
  /// Fires all stages that can fire now, without waiting. True when the schedule is over.
  Expected<bool> advance();
  /// The same, for callers who come again and again: an error once a peer is gone that the run needs.
  Expected<bool> test();
  /// Until it is over, within the communicator's time-out.
  Status wait();

private:
  using Clock = std::chrono::steady_clock;

  bool isDone(uint32_t stage) const { return done >> stage & 1; }
  /// All stages are done and every slot that this rank took is free again: what it sent has been read. A transport may
  /// hold what was sent until its sender makes it go on, so a rank that went away before would let others wait.
  bool isOver() const;
  Expected<bool> turn();

  // Once stages.
  bool ready(uint32_t stage) const;
  Expected<bool> fireShort();
  Expected<bool> fireGrain(bool urgentOnly);
  Expected<bool> fireFlag(uint32_t stage);
  Expected<bool> rowsAreFree(uint32_t stage);
  Expected<bool> step(uint32_t stage);

  // Slices.
  Status settle();
  Status settleDevice();
  bool isNext(const FlowRun &flow, uint32_t stage) const;
  Expected<bool> ready(const FlowRun &flow, uint32_t stage);
  Status fire(FlowRun &flow, uint32_t stage);
  Expected<bool> fireIfReady(FlowRun &flow, uint32_t stage);
  Status completed(FlowRun &flow, uint32_t stage);
  bool sendsTo(uint32_t peer) const;
  Expected<bool> fireWires();
  Expected<bool> fireNext(FlowEnd end);
  Status grantSlots();
  Expected<bool> take(InFlow &in) override;
  bool tokensThere(const FlowRun &flow, uint32_t stage) const;

  // For errors.
  bool waitsForCredit() const;
  std::optional<uint32_t> waitsForDevice() const;
  std::vector<uint32_t> absent() const;
  SignalBoard::Waiter newWaiter();
  std::string waits() const;
  /// DEADLINE_EXCEEDED, with what is waited for, once it has been waited for too long.
  Status lookAtDeadline(const SignalBoard::Waiter &waiter) const;
  Status withWaits(Status status) const;
  std::string waitOf(const FlowRun &flow) const;

  std::unique_ptr<RunContext> context;
  const faro_abi_schedule &schedule;
  SignalBoard &board;
  Bindings bindings;
  std::vector<FlowRun> flows;
  std::vector<uint32_t> sliceStages; ///< once a slice, in order
  std::vector<uint64_t> onceBefore;  ///< by stage: once stages that it waits for at this rank
  std::vector<uint32_t> flowsLeftOf; ///< by stage: flows of which not all slices are done
  uint32_t making = 0;               ///< flows that still take slots of rings that flows share
  uint32_t nextFlow[2] = {};         ///< whose turn it is, by end
  uint64_t onceStages = 0, done = 0; ///< a bit a stage
  uint64_t launched = 0;             ///< once stages of which nothing is left but what a device works on
  bool rowsFree = false;             ///< see rowsAreFree
  std::vector<uint64_t> marks;       ///< by once stage: of its last step, as long as a device works on it; else 0. Of a
                                     ///< first flag: of what the stream held before
  /// A slice in a stage that a device works on.
  struct Firing {
    FlowRun *flow;
    uint32_t stage;
    uint64_t mark;
  };
  std::deque<Firing> underway; ///< in the order of their marks
  StageTimes times;
  uint64_t changes = 0;
  std::optional<SignalBoard::Waiter> watch; ///< of `test`, since
  uint64_t watched = 0;                     ///< so many changes
};

} // namespace faro
