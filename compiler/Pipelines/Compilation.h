// One spec on its way from text to machine code. The tools and the C API are thin faces of this.
//
//   text ──parse──► MLIR ──lowerTo(phase)──► MLIR ──toLLVM──► LLVM ──toCode──► object | assembly
//                                                 └──toArchive──► objects, sooner
#pragma once

#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Codegen/Module/Object.h"
#include "compiler/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/IR/LLVMContext.h"

#include <functional>
#include <memory>
#include <string>

namespace faro::compiler {

/// Gets each diagnostic and each note of one: "file:line:column: error: message".
using Report = std::function<void(const std::string &)>;

class Compilation {
public:
  Compilation(std::string text, std::string name, Report report);
  ~Compilation();

  /// Reads and verifies the text, of whatever level it is.
  llvm::LogicalResult parse();

  /// Runs the passes up to `phase`, of the MLIR levels; those before the level that the text is of, and those that have
  /// run, are left out. `reached` is told of each level. A text that is beyond `phase` already is a fault, and so is a
  /// wire for one of schedules.
  llvm::LogicalResult lowerTo(Phase phase, const LoweringOptions &options = {},
                              const std::function<llvm::LogicalResult(Phase)> &reached = {});
  mlir::ModuleOp module() { return *mlirModule; }
  std::string print();

  /// The kernels of every target, each written its own way, and the tables, optimised; `images` go along. Requires the
  /// level Kernels.
  llvm::LogicalResult toLLVM(llvm::ArrayRef<CpuTarget> targets, llvm::ArrayRef<ImageTable> images = {});
  std::string printLLVM();

  /// Requires toLLVM; once.
  llvm::FailureOr<std::unique_ptr<llvm::MemoryBuffer>> toCode(Output output);

  /// The same code as toLLVM and toCode make, in objects that are made at the same time. Requires the level Kernels.
  llvm::FailureOr<std::unique_ptr<llvm::MemoryBuffer>> toArchive(llvm::ArrayRef<CpuTarget> targets,
                                                                 llvm::ArrayRef<ImageTable> images = {});

  /// Reports a fault that has no place in the text.
  llvm::LogicalResult fail(const std::string &message);
  llvm::LogicalResult fail(llvm::Error error);

private:
  void show(mlir::Diagnostic &diagnostic);
  llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> kernelsOf(const CpuTarget &target);
  llvm::LogicalResult build(llvm::ArrayRef<CpuTarget> targets, llvm::ArrayRef<ImageTable> images);

  std::string text, name;
  Report report;
  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> mlirModule;
  Phase level = Phase::Faro;                   ///< the level of the text, or the last that was reached
  bool atLevel = false;                        ///< whether the passes of `level` have run
  mlir::OwningOpRef<mlir::ModuleOp> schedules; ///< before kernels were written, which targets write their own ways
  LoweringOptions lowering;                    ///< as they were written

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> llvmModule;
  bool saidError = false;  ///< a diagnostic that is an error was shown
  bool llvmFailed = false; ///< LLVM has reported an error, and went on
};

} // namespace faro::compiler
