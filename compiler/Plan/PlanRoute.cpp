// faro-plan-route: the path of every shuffle.
#include "compiler/Plan/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_FAROPLANROUTE
#include "compiler/Plan/Passes.h.inc"

namespace {
#define GEN_PASS_REGISTRATION
#include "compiler/Plan/Passes.h.inc"

/// The path of a shuffle on `mesh` (null: any mesh), or nothing after a diagnostic at `op`.
FailureOr<ir::Path> choosePath(Operation *op, ir::MeshAttr mesh) {
  // /*route_w1*/
  if (mesh && mesh.hasStaticNodes() && mesh.getNodes() > 1)
    return op->emitOpError() << "expects a mesh of one node, found " << mesh.getNodes()
                             << "; rows do not travel between nodes yet";
  return ir::Path::Direct;
}

struct PlanRoute : impl::FaroPlanRouteBase<PlanRoute> {
  void runOnOperation() override {
    bool failedAny = false;
    auto plan = [&](auto op) {
      // Also where a path is written already: no path that there is leads to another node.
      FailureOr<ir::Path> path = choosePath(op, ir::meshOf(op));
      if (succeeded(path) && !op.getPath())
        op.setPath(*path);
      failedAny |= failed(path);
    };
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op).Case<ir::DispatchOp, ir::CombineOp>([&](auto shuffle) { plan(shuffle); });
    });
    if (failedAny)
      signalPassFailure();
  }
};

} // namespace
} // namespace faro::compiler

void faro::compiler::registerPlanPasses() { registerFaroPlanPasses(); }
