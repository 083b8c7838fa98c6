// Kernels call nothing and share nothing, so some of them can be compiled while others are: in parts, whose texts are
// one again in the end.
#pragma once

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"

#include <string>
#include <vector>

namespace faro::compiler {

/// Takes the kernels out of a gpu.module and puts them into at most `most` others of about the same size, the largest
/// first; less where there are fewer kernels. Each has what its kernels refer to.
std::vector<mlir::OwningOpRef<mlir::gpu::GPUModuleOp>> splitKernels(mlir::gpu::GPUModuleOp kernels, size_t most);

/// The names of its kernels, in their order.
std::vector<std::string> kernelNames(mlir::gpu::GPUModuleOp kernels);

/// One text of all kernels of `parts`, as LLVM prints them (a head, then kernels), in the order of `names`. The same,
/// whatever part a kernel was in.
std::string joinPtx(llvm::ArrayRef<std::string> parts, llvm::ArrayRef<std::string> names);

} // namespace faro::compiler
