// What the stages of a schedule do in one run. The engine knows when; bindings know what. One a stage, one kind a file.
//
// Bindings launch kernels (RowKernels) and return. What was launched is done at once on the host, later on a device:
// the engine finds out, and counts a slice or a stage as done only then.
#pragma once

#include "runtime/engine/SliceRings.h"

#include <chrono>

namespace faro {

/// A stage that fires once.
class OnceBinding {
public:
  virtual ~OnceBinding() = default;
  /// Does some of the work (RowKernels::grainBytes of output, all of it on one node). True when nothing is left. Called
  /// again when what it launched is done.
  virtual Expected<bool> step() = 0;
};

/// One flow in one run.
struct FlowRun {
  OutFlow *out = nullptr; ///< one of the two: a flow that leaves here,
  InFlow *in = nullptr;   ///< or one that arrives
  uint32_t index = 0;     ///< of the flow in the plan
  uint32_t rows = 0, slices = 0;
  uint64_t begun = 0;                ///< sequence of the run's first slice
  std::vector<uint32_t> fired, done; ///< slices, by stage
  std::chrono::steady_clock::time_point lastChange;

  FlowEnd end() const { return out ? FlowEnd::Sender : FlowEnd::Receiver; }
  uint32_t peer() const { return out ? out->peer : in->peer; }
  /// Every slot that this rank took for it is free again.
  bool slotsFree() const { return !out || out->tokens.taken == out->tokens.returned; }
};

/// A stage that fires once a slice.
class SliceBinding {
public:
  virtual ~SliceBinding() = default;
  /// Whether slice n can be worked on, beside what the schedule and the rings say.
  virtual Expected<bool> ready(const FlowRun &flow, uint32_t n) = 0;
  /// Slices of a flow come in order. A wire is done when its bytes may change again, any other stage when this has
  /// returned and what it launched is done.
  virtual Status fire(FlowRun &flow, uint32_t n) = 0;
};

} // namespace faro
