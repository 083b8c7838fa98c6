#include "compiler/Codegen/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace faro::compiler {

void registerCodegenPasses() {
  mlir::registerPass([] { return createEmitKernelsPass(); });
  mlir::registerPass([] { return createExpandF16Pass(); });
  mlir::registerPass([] { return createKernelsToLLVMPass(); });
  mlir::registerPass([] { return createKernelsToGpuPass(); });
}

} // namespace faro::compiler
