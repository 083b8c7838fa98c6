#include "compiler/Codegen/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace faro::compiler {

EmitKernelsOptions cudaKernelOptions() {
  EmitKernelsOptions options;
  // One 128-bit access of a thread at a time: neighbours take neighbouring pieces, so that a warp's are whole lines.
  options.tile = options.vector = options.rowAlignment = 16;
  options.prefetch = 0;
  return options;
}

void registerCodegenPasses() {
  mlir::registerPass([] { return createEmitKernelsPass(); });
  mlir::registerPass([] { return createExpandF16Pass(); });
  mlir::registerPass([] { return createKernelsToLLVMPass(); });
  mlir::registerPass([] { return createKernelsToGpuPass(); });
}

} // namespace faro::compiler
