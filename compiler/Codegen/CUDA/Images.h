// A module's kernels for CUDA devices, as they are embedded in it:
//
//   xfer level ──emit kernels (one 128-bit access a thread)──► gpu ──► PTX ─assembler► cubin   one for each
//   architecture
//                                                                └──► PTX of the oldest       for what is newer than
//                                                                                             all
#pragma once

#include "compiler/Codegen/CUDA/Assemble.h"
#include "compiler/Codegen/Module/ModuleTables.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace faro::compiler {

/// The kernels of `module`, which is at the xfer level and stays as it is, for one architecture (90: sm_90): a
/// gpu.module in a copy of it. Faults are diagnosed at the kernels.
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> makeGpuModule(mlir::ModuleOp module, int architecture);

struct CudaImages {
  std::vector<ImageTable> images;
  std::vector<std::pair<std::string, KernelUsage>> usage; ///< by target; nothing without an assembler
};

/// `module` is at the xfer level, and stays as it is. `architectures`: 90 for sm_90, ascending, at least one. Without
/// an assembler images are PTX. Faults are diagnosed at the module.
llvm::FailureOr<CudaImages> makeCudaImages(mlir::ModuleOp module, llvm::ArrayRef<int> architectures,
                                           Assembler *assembler);

} // namespace faro::compiler
