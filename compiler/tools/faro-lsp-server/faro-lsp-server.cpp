// faro-lsp-server: completion, hover and diagnostics for specs in an editor. MLIR's own server loads no dialect
// plugins.
#include "dialect/Xfer/XferDialect.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  faro::xfer::registerXferDialect(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
