// The rules of xfer-verify-schedule, by what they are about. Each gives a located diagnostic for the first fault.
#pragma once

#include "compiler/Schedule/ScheduleGraph.h"

namespace faro::compiler {

/// "stage 'gather' ", for the diagnostic to go on.
mlir::InFlightDiagnostic errorAt(xfer::StageOpInterface stage);

/// S12..S16, S18, S19, S25: who fills, reads, takes and gives back the slots of each ring, at which end of a flow; and
/// that they hold a row. Before the graph's other answers mean anything.
llvm::LogicalResult verifyRings(xfer::ProgramOp program, const ScheduleGraph &graph);
/// S17: no slot is read before it is written, nor written before it was read. Requires a live graph and verifyRings.
llvm::LogicalResult verifySlots(xfer::ProgramOp program, const ScheduleGraph &graph);
/// S6, S7, S20..S23: no memory of a peer is touched too early, and none is given up too early. Requires a live graph
/// and the right stages (S5).
llvm::LogicalResult verifyOrder(xfer::ProgramOp program, const ScheduleGraph &graph);

} // namespace faro::compiler
