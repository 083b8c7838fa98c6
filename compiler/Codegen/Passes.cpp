#include "compiler/Codegen/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace faro::compiler {

int64_t cudaAccessBytes(int architecture) { return architecture >= 100 ? 32 : 16; }

EmitKernelsOptions cudaKernelOptions(int architecture) {
  EmitKernelsOptions options;
  // One access of a thread at a time: neighbours take neighbouring pieces, so that a warp's are whole lines.
  options.tile = options.vector = options.rowAlignment = cudaAccessBytes(architecture);
  options.prefetch = 0;
  options.streaming = false;
  return options;
}

void registerCodegenPasses() {
  mlir::registerPass([] { return createEmitKernelsPass(); });
  mlir::registerPass([] { return createEmitPlanPass(); });
  mlir::registerPass([] { return createExpandF16Pass(); });
  mlir::registerPass([] { return createKernelsToLLVMPass(); });
  mlir::registerPass([] { return createKernelsToGpuPass(); });
  mlir::registerPass([] { return createGpuToNvvmPass(); });
}

} // namespace faro::compiler
