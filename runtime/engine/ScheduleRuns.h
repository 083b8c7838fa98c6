// Starts one run of a program's schedule: binds its stages to a batch.
//
//   Session ─► startDispatch / startCombine ─► Run (Engine.h) ─► bindings/ (what each stage does)
//                                                └─► SliceExchange (what crosses nodes)
#pragma once

#include "runtime/engine/Engine.h"
#include "runtime/engine/RunContext.h"

namespace faro {

/// The run keeps pointers to everything given, which must outlive it. `activity` and `mine.activity` are what all ranks
/// say with their flags in this call.
Expected<std::unique_ptr<Run>> startDispatch(const RunParts &, const faro_abi_schedule &, const Batch &, ConstRows x,
                                             uint16_t activity);
Expected<std::unique_ptr<Run>> startCombine(const RunParts &, const faro_abi_program &combine,
                                            const faro_abi_schedule &, const Batch &, const float *weights, Rows out,
                                            SignalTag mine);

} // namespace faro
