#include "compiler/Codegen/ProgramRow.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/BuiltinTypes.h"

namespace faro::compiler {

using namespace mlir;

static constexpr uint64_t PaddingLimit = 64;

llvm::FailureOr<faro_abi_row> rowOf(xfer::ProgramOp program) {
  ir::TokensType rows = program.getRowsType();
  if (rows.getPlanes().size() != 1)
    return program.emitOpError() << "expects rows of one plane, found " << rows.getRowText();
  const ir::Plane &plane = rows.getPlanes().front();
  faro_abi_row row{};
  if (plane.element.isBF16())
    row.element = FARO_ABI_BF16;
  else if (plane.element.isF16())
    row.element = FARO_ABI_F16;
  else if (plane.element.isF32())
    row.element = FARO_ABI_F32;
  else
    return program.emitOpError() << "expects rows of bf16, f16 or f32, found " << rows.getRowText();
  row.columns = uint64_t(plane.columns);
  row.bytes = uint64_t(plane.bytes());
  row.stride = uint64_t(program.getRowStride());
  // Padding fills the row's last line, no more: the runtime refuses others, and kernels store all of it.
  if (row.stride - row.bytes >= PaddingLimit)
    return program.emitOpError() << "expects a row_stride of " << row.bytes << " to " << row.bytes + PaddingLimit - 1
                                 << " bytes for rows of " << rows.getRowText() << ", found " << row.stride;
  return row;
}

} // namespace faro::compiler
