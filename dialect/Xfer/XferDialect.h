// The xfer dialect: schedules of shuffles (xfer.program and its stages) and the leaf operations of their kernels.
#pragma once

#include "dialect/Faro/FaroDialect.h"
#include "dialect/Xfer/StageSyntax.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

#include <string>

namespace faro::xfer {

/// What prefetches touch: the cache, not memory.
struct CacheResource : public mlir::SideEffects::Resource::Base<CacheResource> {
  llvm::StringRef getName() final { return "Cache"; }
};

/// A cache line; slots are made of whole ones.
constexpr int64_t SlotUnit = 64;

/// Whether a kernel may have this name: an identifier, which the assemblers of all targets take as it is.
bool isKernelName(llvm::StringRef name);
/// The name of a kernel of `base`, a function or program. Their names are any text: what no identifier holds is
/// replaced, and a hash of the whole keeps apart what is alike then.
std::string kernelName(llvm::StringRef base, llvm::StringRef suffix);
/// Of the kernels that a stage names.
llvm::LogicalResult checkKernelNames(mlir::Operation *stage);

/// Makes both dialects known to a context that is built from `registry`: programs name the faro dialect's types.
void registerXferDialect(mlir::DialectRegistry &registry);

} // namespace faro::xfer

#include "dialect/Xfer/XferDialect.h.inc"
#include "dialect/Xfer/XferEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Xfer/XferAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Xfer/XferTypes.h.inc"
// After the enumerations: its methods return them.
#include "dialect/Xfer/XferInterfaces.h.inc"

namespace faro::xfer {
using ir::parseWord;
using ir::printWord;

/// `custom<Count>($attr)`: an i64 as the bare number.
inline mlir::ParseResult parseCount(mlir::OpAsmParser &parser, mlir::IntegerAttr &attr) {
  int64_t value = 0;
  if (parser.parseInteger(value))
    return mlir::failure();
  attr = parser.getBuilder().getI64IntegerAttr(value);
  return mlir::success();
}
inline void printCount(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::IntegerAttr attr) {
  printer << attr.getInt();
}
} // namespace faro::xfer

#define GET_OP_CLASSES
#include "dialect/Xfer/XferOps.h.inc"

namespace faro::xfer {

/// The rings of a program in their order; a ring's index in the tables is its place here.
llvm::SmallVector<RingOp> ringsOf(ProgramOp program);

} // namespace faro::xfer
