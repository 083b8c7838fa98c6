#include "compiler/Codegen/ProgramRow.h"
#include "compiler/Schedule/Constants.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/BuiltinTypes.h"

namespace faro::compiler {

using namespace mlir;

/// 0: no kernel knows it.
static uint32_t elementOf(Type element) {
  return element.isBF16() ? FARO_ABI_BF16 : element.isF16() ? FARO_ABI_F16 : element.isF32() ? FARO_ABI_F32 : 0;
}

llvm::FailureOr<faro_abi_row> rowOf(xfer::ProgramOp program) {
  ir::TokensType rows = program.getRowsType();
  if (rows.getPlanes().size() != 1)
    return program.emitOpError() << "expects rows of one plane, found " << rows.getRowText();
  const ir::Plane &plane = rows.getPlanes().front();
  faro_abi_row row{};
  row.element = elementOf(plane.element);
  if (row.element == 0)
    return program.emitOpError() << "expects rows of bf16, f16 or f32, found " << rows.getRowText();
  row.columns = uint64_t(plane.columns);
  row.bytes = uint64_t(plane.bytes());
  row.stride = uint64_t(program.getRowStride());
  return row;
}

llvm::FailureOr<faro_abi_row> partialRowOf(xfer::ProgramOp program) {
  FailureOr<faro_abi_row> row = rowOf(program);
  if (failed(row))
    return failure();
  const Type element = program.getPartialElement();
  row->element = elementOf(element);
  row->bytes = row->columns * (element.getIntOrFloatBitWidth() / 8);
  row->stride = uint64_t(partialStrideOf(program));
  return row;
}

} // namespace faro::compiler
