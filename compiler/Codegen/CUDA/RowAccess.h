// Rows in a CUDA device's memory: accesses as wide as the device has them, which leave the first cache alone.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace faro::compiler {

/// Notes at each load whether nobody writes its memory while the kernel runs, as the kernel's arguments say. Before
/// types are converted.
void markReadOnlyLoads(mlir::ModuleOp kernels);

/// For the vectors of xfer.load and xfer.store that are whole accesses: multiples of 16 aligned bytes of 32-bit
/// elements; `accessBytes`, 16 or 32, is the widest. The other loads and stores are left to populateLeafToLLVM.
void populateRowAccess(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns, int64_t accessBytes);

} // namespace faro::compiler
