// A module's kernels for CUDA devices, as they are embedded in it:
//
//   xfer level ──emit kernels (one 128-bit access a thread)──► gpu ─┬─► PTX ─assembler─┬─► cubin   one an architecture
//                                                                   └─► PTX ─assembler─┘
//                                                                        └──► PTX     one, too
//
// The text is for drivers that are older than the assembler, and for devices that are newer than all architectures.
//
// From the gpu dialect on kernels go in parts, by a thread each: none has to wait for another's text or code.
#pragma once

#include "compiler/Codegen/CUDA/Assemble.h"
#include "compiler/Codegen/Module/ModuleTables.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace faro::compiler {

/// Kernels beside those that every session with a device needs.
struct MoreKernels {
  bool plan = true;     ///< that plan batches on the device
  bool bulk = true;     ///< pushes by bulk copies, from sm_90 on
  bool resident = true; ///< pushes that wait for what they are to do
};

/// The kernels of `module`, which is at the xfer level and stays as it is, for one architecture (90: sm_90): a
/// gpu.module in a copy of it. Faults are diagnosed at the kernels.
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> makeGpuModule(mlir::ModuleOp module, int architecture,
                                                                 const MoreKernels &more = {});

/// Milliseconds of the thread that had most of it.
struct CudaTimes {
  double ptx = 0, code = 0;
};

struct CudaImages {
  std::vector<ImageTable> images;
  CudaTimes times;
  std::vector<std::pair<std::string, KernelUsage>> usage; ///< by target; nothing without an assembler
};

/// Is shown the kernels of an architecture in the gpu dialect. A failure ends the work; whoever fails has said why.
using GpuObserver = llvm::function_ref<llvm::LogicalResult(int architecture, mlir::ModuleOp kernels)>;
/// The same for the text that is assembled, or embedded.
using PtxObserver = llvm::function_ref<llvm::Error(int architecture, llvm::StringRef ptx)>;

/// Images being made.
class CudaImageWork {
public:
  /// `module` is at the xfer level, and stays as it is; it is not looked at any more when this returns, while threads
  /// may still be at work. `architectures`: 90 for sm_90, ascending, at least one. Without an assembler, which must
  /// outlive this, images are PTX. Faults are diagnosed at the module. `parts`: that the kernels of an architecture are
  /// made in, by a thread each; machine code depends on it. 0: all cores are used.
  static llvm::FailureOr<std::unique_ptr<CudaImageWork>> start(mlir::ModuleOp module, llvm::ArrayRef<int> architectures,
                                                               Assembler *assembler, const MoreKernels &more = {},
                                                               GpuObserver observer = nullptr, size_t parts = 0);
  ~CudaImageWork(); // waits for its threads

  /// Waits for them; once.
  llvm::Expected<CudaImages> finish(PtxObserver observer = nullptr);

private:
  struct Part;
  struct Target;
  CudaImageWork(Assembler *assembler);
  llvm::LogicalResult startTarget(mlir::ModuleOp module, int architecture, const MoreKernels &more, size_t most,
                                  GpuObserver observer);
  llvm::Expected<Assembled> assemble(Target &target, const std::string &ptx);

  Assembler *assembler;
  std::vector<Target> targets;
};

} // namespace faro::compiler
