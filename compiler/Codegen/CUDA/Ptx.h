// Kernels as PTX text, by MLIR's own pipeline from gpu to nvvm. Only tools that are asked for it link this: it knows
// all of MLIR's dialects.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"

#include <optional>
#include <string>
#include <string_view>

namespace faro::compiler {

/// An NVIDIA architecture that PTX can be written for, as its number: 90 for "sm_90". Nothing when it is none.
std::optional<int> parseCudaTarget(std::string_view text);

/// Dialects and interfaces that toPtx needs.
void registerCuda(mlir::DialectRegistry &registry);

/// Emitted kernels of `module` to a gpu.module in their place. Faults are diagnosed at the kernels.
llvm::LogicalResult toGpu(mlir::ModuleOp module, int architecture);

/// The PTX of the gpu.module that toGpu left in `module`, which is used up.
llvm::FailureOr<std::string> toPtx(mlir::ModuleOp module, int architecture);

} // namespace faro::compiler
