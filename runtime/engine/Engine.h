// The token game: fires the stages of a program's schedule as soon as what they wait for is done, and knows nothing
// else. What the stages mean for one batch is bound from outside.
#pragma once

#include "runtime/engine/SignalBoard.h"

#include <bit>

namespace faro {

/// What one run of a schedule works on.
class Bindings {
public:
  virtual ~Bindings() = default;
  virtual void pad() = 0;
  virtual void push(const faro_abi_stage &stage) = 0;
  /// Called after every await before it in the schedule: what peers said with their flags may be used.
  virtual void pull(const faro_abi_stage &stage) = 0;
  /// What to say with a flag.
  virtual SignalTag tag(const faro_abi_stage &stage) const = 0;
};

/// One run of one schedule. Not reusable.
class Run {
public:
  Run(const faro_abi_schedule &schedule, SignalBoard &board, Bindings &bindings)
      : schedule(schedule), board(board), bindings(bindings) {}

  /// Fires all stages that can fire now, without waiting. True when the program is over.
  Expected<bool> advance();
  /// Until it is over, within the communicator's time-out.
  Status wait();

private:
  bool ready(const faro_abi_stage &stage) const;
  Expected<bool> fire(const faro_abi_stage &stage);

  const faro_abi_schedule &schedule;
  SignalBoard &board;
  Bindings &bindings;
  uint64_t done = 0; ///< a bit a stage; the module's check allows 64
};

} // namespace faro
