// Rows in a CUDA device's memory: 128-bit accesses that leave the first cache alone.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace faro::compiler {

/// Notes at each load whether nobody writes its memory while the kernel runs, as the kernel's arguments say. Before
/// types are converted.
void markReadOnlyLoads(mlir::ModuleOp kernels);

/// For the vectors of xfer.load and xfer.store that are whole accesses: multiples of 16 aligned bytes of 32-bit
/// elements. The other loads and stores are left to populateLeafToLLVM.
void populateRowAccess(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace faro::compiler
