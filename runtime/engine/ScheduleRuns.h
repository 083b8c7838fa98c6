// Starts one run of a program's schedule: binds its stages to a batch.
//
//   Session ─► startDispatch / startCombine ─► Run (Engine.h) ─► bindings/ (what each stage does)
//                                                └─► SliceExchange (what crosses nodes)
#pragma once

#include "faro/module.h"
#include "faro/session.h"
#include "runtime/engine/Engine.h"
#include "runtime/plan/NodePlan.h"
#include "runtime/plan/PlanCheck.h"

namespace faro {

class SliceExchange;

/// Which of a rank's windows holds the rows that others pull; said with the flag that opens a combine.
enum WindowName : uint8_t { ReceivedWindow = 1, OutputsWindow = 2 };

/// What a session lends to its runs. Windows span the ranks of one's own node. Before a run starts they must be large
/// enough for the batch: `transit` NodePlan::transitRowsOfRank x row.stride bytes, `partials`
/// NodePlan::partialRowsOfRank x the schedule's partial_stride.
struct RunParts {
  Communicator *communicator = nullptr;
  const Module *module = nullptr;
  SignalBoard *board = nullptr;
  SliceExchange *exchange = nullptr; ///< null when all ranks are on one node
  const Window *received = nullptr, *outputs = nullptr;
  const Window *transit = nullptr, *partials = nullptr; ///< null when all ranks are on one node
  SessionStatistics *statistics = nullptr;
};

/// One batch: what prepare found.
struct Batch {
  const Plan *plan = nullptr;
  const NodePlan *across = nullptr; ///< null for a direct schedule
  const PlanCheck *check = nullptr; ///< null unless plans are checked
};

/// The run keeps pointers to everything given, which must outlive it. `activity` and `mine.activity` are what all ranks
/// say with their flags in this call. Errors: INVALID_ARGUMENT when a ring of the schedule is too small for a row,
/// naming the ring.
Expected<std::unique_ptr<Run>> startDispatch(const RunParts &, const faro_abi_schedule &, const Batch &, ConstRows x,
                                             uint16_t activity);
Expected<std::unique_ptr<Run>> startCombine(const RunParts &, const faro_abi_program &combine,
                                            const faro_abi_schedule &, const Batch &, const float *weights, Rows out,
                                            SignalTag mine);

} // namespace faro
