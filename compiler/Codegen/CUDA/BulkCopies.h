// Bulk copies (TMA) of sm_90 and later.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace faro::compiler {

/// Gives each staging memory of the module its place in shared memory, one a kernel. Before types are converted.
llvm::LogicalResult makeStagingMemory(mlir::ModuleOp kernels);

/// For xfer's bulk copies, as PTX.
void populateBulkCopies(mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

/// One instruction, or several, of PTX; the constraints are LLVM's.
mlir::LLVM::InlineAsmOp ptx(mlir::RewriterBase &rewriter, mlir::Location loc, mlir::TypeRange results,
                            mlir::ValueRange operands, const llvm::Twine &code, llvm::StringRef constraints,
                            bool hasSideEffects = true);

} // namespace faro::compiler
