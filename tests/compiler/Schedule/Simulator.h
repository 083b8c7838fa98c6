// Plays a schedule on a small job, in every order in which it can happen, and says what goes wrong.
//
// It shares nothing with the verifier: it reads the printed text, gives each stage the meaning of dialect/README.md,
// and looks at every access to memory. It knows no rule about schedules.
//
// How all orders are played at once: what happens are events (a firing of a stage for one slice, the two ends of a
// transfer, the moments when a rank begins and ends the program). Each waits for certain others, and for all of them,
// so the events of one job are a partial order, and every order in time that extends it can happen. Two accesses to the
// same memory, one of them a write, are right in all of these exactly if the partial order decides between them. Where
// there is a choice - which flow gets a slot that is free, and which slot - each one is played.
#pragma once

#include "ScheduleText.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace faro::test {

struct SimulatedFlow {
  uint32_t from, to; ///< ranks of different nodes
  size_t slices;
};

/// Nodes of two ranks: rank r is on node r / 2.
struct SimulatedJob {
  uint32_t nodes = 2;
  std::vector<SimulatedFlow> flows; ///< of hierarchical schedules
  bool padded = false;              ///< windows have padding rows
};

struct Simulation {
  std::optional<std::string> harm; ///< the first thing that goes wrong in some order
  size_t orders = 0;               ///< partial orders played, one for each way to choose
};

Simulation simulate(const ScheduleText &schedule, const SimulatedJob &job);

} // namespace faro::test
