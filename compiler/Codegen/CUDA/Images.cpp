#include "compiler/Codegen/CUDA/Images.h"

#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Pipelines/Pipelines.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace faro::compiler {

using namespace mlir;

namespace {

std::string targetName(int architecture) { return "cuda:sm_" + std::to_string(architecture); }

} // namespace

llvm::FailureOr<CudaImages> makeCudaImages(ModuleOp module, llvm::ArrayRef<int> architectures, Assembler *assembler) {
  OwningOpRef<ModuleOp> kernels(module.clone());
  LoweringOptions options;
  options.kernels = cudaKernelOptions();
  PassManager passes(module.getContext());
  buildPhase(passes, Phase::Kernels, options);
  if (failed(passes.run(*kernels)) || failed(toGpu(*kernels)))
    return failure();
  CudaImages made;
  for (int architecture : architectures) {
    OwningOpRef<ModuleOp> copy(kernels->clone()); // toPtx uses it up
    FailureOr<std::string> ptx = toPtx(*copy, architecture);
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
