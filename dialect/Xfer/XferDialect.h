// The xfer dialect: schedules of shuffles (xfer.program and its stages) and the leaf operations of their kernels.
#pragma once

#include "dialect/Faro/FaroDialect.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

#include <string>

namespace faro::xfer {

/// What prefetches touch: the cache, not memory.
struct CacheResource : public mlir::SideEffects::Resource::Base<CacheResource> {
  llvm::StringRef getName() final { return "Cache"; }
};

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
} // namespace faro::xfer

#define GET_OP_CLASSES
#include "dialect/Xfer/XferOps.h.inc"
