#include "compiler/Codegen/CUDA/Images.h"

#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Pipelines/Pipelines.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace faro::compiler {

using namespace mlir;

namespace {

std::string targetName(int architecture) { return "cuda:sm_" + std::to_string(architecture); }

FailureOr<OwningOpRef<ModuleOp>> emitKernels(ModuleOp module, int architecture, bool bulk) {
  OwningOpRef<ModuleOp> kernels(module.clone());
  LoweringOptions options;
  options.kernels = cudaKernelOptions(architecture);
  options.kernels.bulk = bulk;
  options.plan = !bulk;
  PassManager passes(module.getContext());
  buildPhase(passes, Phase::Kernels, options);
  if (failed(passes.run(*kernels)))
    return failure();
  return kernels;
}

ModuleOp kernelsOf(ModuleOp module) { return module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName); }

/// Beside each kernel that can be written with bulk copies one that is, as NAME_bulk.
LogicalResult addBulkKernels(ModuleOp kernels, ModuleOp module, int architecture) {
  FailureOr<OwningOpRef<ModuleOp>> bulk = emitKernels(module, architecture, /*bulk=*/true);
  if (failed(bulk))
    return failure();
  OpBuilder builder = OpBuilder::atBlockEnd(kernelsOf(kernels).getBody());
  for (func::FuncOp function : kernelsOf(**bulk).getOps<func::FuncOp>())
    if (function.walk([](xfer::StagingOp) { return WalkResult::interrupt(); }).wasInterrupted()) {
      auto copy = cast<func::FuncOp>(builder.clone(*function));
      copy.setName((function.getName() + FARO_ABI_BULK_SUFFIX).str());
    }
  return success();
}

} // namespace

FailureOr<OwningOpRef<ModuleOp>> makeGpuModule(ModuleOp module, int architecture) {
  FailureOr<OwningOpRef<ModuleOp>> kernels = emitKernels(module, architecture, /*bulk=*/false);
  constexpr int FirstWithBulkCopies = 90;
  if (failed(kernels) ||
      (architecture >= FirstWithBulkCopies && failed(addBulkKernels(**kernels, module, architecture))) ||
      failed(toGpu(**kernels, architecture)))
    return failure();
  return kernels;
}

llvm::FailureOr<CudaImages> makeCudaImages(ModuleOp module, llvm::ArrayRef<int> architectures, Assembler *assembler) {
  CudaImages made;
  for (int architecture : architectures) {
    FailureOr<OwningOpRef<ModuleOp>> kernels = makeGpuModule(module, architecture);
    if (failed(kernels))
      return failure();
    FailureOr<std::string> ptx = toPtx(**kernels, architecture);
    if (failed(ptx))
      return failure();
    const std::string target = targetName(architecture);
    if (assembler) {
      llvm::Expected<Assembled> assembled = assembler->assemble(*ptx, architecture);
      if (!assembled)
        return module.emitError() << llvm::toString(assembled.takeError());
      made.images.push_back({target, FARO_ABI_CUBIN, uint32_t(architecture), std::move(assembled->cubin)});
      for (KernelUsage &usage : assembled->usage)
        made.usage.emplace_back(target, std::move(usage));
    }
    if (!assembler || architecture == architectures.front())
      made.images.push_back({target, FARO_ABI_PTX, uint32_t(architecture), std::move(*ptx)});
  }
  return made;
}

} // namespace faro::compiler
