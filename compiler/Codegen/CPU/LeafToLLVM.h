// xfer's leaf operations in the llvm dialect. What differs between targets is said here.
#pragma once

#include "compiler/Codegen/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace faro::compiler {

struct LeafTarget {
  unsigned addressSpace = 0; ///< of global memory
  KeptPrefetches prefetches; ///< the others are dropped: they are hints
  bool x86Fence = true;      ///< sfence; else a system-wide acq_rel fence
};

/// So many bytes behind a pointer.
mlir::Value addressOf(mlir::RewriterBase &rewriter, mlir::Location loc, mlir::Value base, mlir::Value offset);

/// Also teaches the converter what an address is.
void populateLeafToLLVM(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns,
                        const LeafTarget &target);

/// Bulk copies as memcpy, for a target without engines for them.
void populateBulkToLLVM(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace faro::compiler
