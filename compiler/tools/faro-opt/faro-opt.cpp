// faro-opt: MLIR's opt with Faro's dialects and passes.
#include "compiler/Codegen/Passes.h"
#include "compiler/Plan/Passes.h"
#include "compiler/Schedule/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  // Without these gpu-lower-to-nvvm-pipeline finds no translation for its modules.
  mlir::registerAllGPUToLLVMIRTranslations(registry);
  faro::xfer::registerXferDialect(registry);

  mlir::registerAllPasses();
  faro::compiler::registerPlanPasses();
  faro::compiler::registerSchedulePasses();
  faro::compiler::registerCodegenPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Faro's optimizer driver\n", registry));
}
