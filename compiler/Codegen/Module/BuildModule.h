// From emitted kernels and schedules to one LLVM module.
//
//   module @kernels, once per target ──lower──► llvm dialect ─┐
//                                                             ├─► LLVM module
//   xfer.program ──collectTables, emitTables──► constants ────┘
#pragma once

#include "compiler/Codegen/Module/CpuTarget.h"

#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <memory>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm
namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace faro::compiler {

struct ImageTable;

/// What lowering and translation need beside the dialects themselves.
void registerModuleTranslation(mlir::DialectRegistry &registry);

/// A target's kernels, in a module to be consumed, with the names that the schedules give them.
using KernelsOf = llvm::function_ref<llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>(const CpuTarget &)>;

/// `module` holds xfer.program operations and their kernels, and stays as it is. Faults are diagnosed there. `images`:
/// of the same kernels, for devices.
llvm::FailureOr<std::unique_ptr<llvm::Module>> buildModule(mlir::ModuleOp module, llvm::ArrayRef<CpuTarget> targets,
                                                           KernelsOf kernelsOf, llvm::ArrayRef<ImageTable> images,
                                                           llvm::StringRef specText, llvm::LLVMContext &context,
                                                           const llvm::TargetMachine &machine);

} // namespace faro::compiler
