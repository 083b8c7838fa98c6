// The row of a schedule as kernels and tables see it.
#pragma once

#include "runtime/abi/faro_abi.h"

#include "llvm/Support/LogicalResult.h"

namespace faro::xfer {
class ProgramOp;
}

namespace faro::compiler {

/// Element, columns, bytes and stride. A row that no kernel can be written for (several planes, an element that is not
/// bf16, f16 or f32) is diagnosed at the program.
llvm::FailureOr<faro_abi_row> rowOf(xfer::ProgramOp program);

/// The same of the rows of partial sums. Requires program.hasPartials().
llvm::FailureOr<faro_abi_row> partialRowOf(xfer::ProgramOp program);

} // namespace faro::compiler
