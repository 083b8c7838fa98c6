// How stages are written: a head, then clauses in any order.
//
//   xfer.wire               after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
//   xfer.await "open"       after(%open) on(link)
//   xfer.push  %plan        after(%in) on(core) kernel(@push) streaming(@push_streaming)
//
// They are printed in the order of the enumeration below.
#pragma once

#include "mlir/IR/OpImplementation.h"

namespace faro::xfer {

/// What an operation has beside `after` and `on`.
namespace syntax {
enum : unsigned {
  Flag = 1 << 0,   ///< the head is a flag's name
  Plan = 1 << 1,   ///< the head is the batch's descriptors
  From = 1 << 2,   ///< from(%ring)
  Into = 1 << 3,   ///< into(%ring)
  Slots = 1 << 4,  ///< acquires(%rings...) and releases(%rings...), both optional
  By = 1 << 5,     ///< by(copy|reference)
  Kernel = 1 << 6, ///< kernel(@name), and optionally streaming(@name)
  Share = 1 << 7,  ///< share(@name), optional
};
} // namespace syntax

mlir::ParseResult parseStage(mlir::OpAsmParser &parser, mlir::OperationState &state, unsigned syntax);
void printStage(mlir::OpAsmPrinter &printer, mlir::Operation *stage, unsigned syntax);

} // namespace faro::xfer
