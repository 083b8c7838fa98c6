// Signals between kernels in the llvm dialect.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace faro::compiler {

/// For a CUDA device, or for an x86-64 CPU.
void populateSignalToLLVM(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns, bool cuda);

} // namespace faro::compiler
