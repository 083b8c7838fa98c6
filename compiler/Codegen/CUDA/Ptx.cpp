#include "compiler/Codegen/CUDA/Ptx.h"

#include "compiler/Codegen/Passes.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Pipelines/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"

#include <charconv>

namespace faro::compiler {

using namespace mlir;

std::optional<int> parseCudaTarget(std::string_view text) {
  constexpr std::string_view Prefix = "cuda:sm_";
  if (!text.starts_with(Prefix))
    return std::nullopt;
  text.remove_prefix(Prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 70 || number > 199)
    return std::nullopt;
  return number;
}

void registerCuda(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  // Without these the pipeline finds no translation for its modules.
  registerAllGPUToLLVMIRTranslations(registry);
}

LogicalResult toGpu(ModuleOp module, int architecture) {
  PassManager passes(module.getContext());
  passes.addPass(createKernelsToGpuPass(cudaAccessBytes(architecture)));
  return passes.run(module);
}

FailureOr<std::string> toPtx(ModuleOp module, int architecture) {
  // The schedule is for the host, and the pipeline's host half knows no xfer.
  for (xfer::ProgramOp program : llvm::make_early_inc_range(module.getOps<xfer::ProgramOp>()))
    program.erase();
  gpu::GPUToNVVMPipelineOptions options;
  options.cubinChip = "sm_" + std::to_string(architecture);
  // The PTX version of CUDA 12.6: old enough for drivers in use, new enough for every architecture up to sm_90.
  options.cubinFeatures = architecture < 100 ? "+ptx85" : "+ptx88";
  options.cubinFormat = "isa";
  PassManager passes(module.getContext());
  gpu::buildLowerToNVVMPassPipeline(passes, options);
  if (failed(passes.run(module)))
    return failure();
  for (gpu::BinaryOp binary : module.getOps<gpu::BinaryOp>())
    for (Attribute object : binary.getObjects())
      // The object ends with a zero byte, for drivers that read it in place.
      return cast<gpu::ObjectAttr>(object).getObject().getValue().rtrim('\0').str();
  return module.emitError() << "no PTX was generated";
}

} // namespace faro::compiler
