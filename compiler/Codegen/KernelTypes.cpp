// What kernels are called with. The loader of modules knows a kernel by its name alone, so this is where its type is
// checked.
#include "compiler/Codegen/EmitKernel.h"
#include "dialect/Xfer/XferDialect.h"

namespace faro::compiler {

using namespace mlir;

FunctionType pushType(MLIRContext *context) {
  Type addr = xfer::AddrType::get(context), i64 = IntegerType::get(context, 64);
  return FunctionType::get(context, {addr, i64, addr, addr, i64, i64}, {});
}

FunctionType pullType(MLIRContext *context) {
  Type addr = xfer::AddrType::get(context), i64 = IntegerType::get(context, 64);
  return FunctionType::get(context, {addr, i64, addr, addr, addr, i64, i64}, {});
}

FunctionType planType(MLIRContext *context) {
  Type addr = xfer::AddrType::get(context), i64 = IntegerType::get(context, 64);
  return FunctionType::get(context, {addr, addr, addr, i64}, {});
}

FunctionType residentType(MLIRContext *context) {
  Type addr = xfer::AddrType::get(context), i64 = IntegerType::get(context, 64);
  return FunctionType::get(context, {addr, addr, i64, i64}, {});
}

LogicalResult checkOwnKernel(Operation *own, FunctionType type, Operation *user) {
  auto function = dyn_cast<func::FuncOp>(own);
  if (function && function.getFunctionType() == type && !function.isExternal() &&
      function->hasAttr(xfer::XferDialect::KernelAttrName))
    return success();
  InFlightDiagnostic error = own->emitError()
                             << "expects a function with a body, the attribute xfer.kernel and the type " << type;
  error.attachNote(user->getLoc()) << "named as a kernel here";
  return error;
}

} // namespace faro::compiler
