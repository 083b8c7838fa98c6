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

/// The path for `mesh`; null stands for any mesh.
ir::Path choosePath(ir::MeshAttr mesh) {
  if (!mesh || !mesh.hasStaticNodes())
    return ir::Path::ByMesh;
  return mesh.getNodes() == 1 ? ir::Path::Direct : ir::Path::Hierarchical;
}

/// A path that is written by hand.
LogicalResult checkPath(Operation *op, ir::Path path, ir::MeshAttr mesh) {
  // /*route_w1*/
  const ir::Path planned = choosePath(mesh);
  if (path == planned || path == ir::Path::ByMesh || planned == ir::Path::ByMesh)
    return success();
  return op->emitOpError() << "has path(" << stringifyPath(path) << "), but the module's mesh has " << mesh.getNodes()
                           << (mesh.getNodes() == 1 ? " node" : " nodes") << "; expected path("
                           << stringifyPath(planned) << "), or none";
}

struct PlanRoute : impl::FaroPlanRouteBase<PlanRoute> {
  void runOnOperation() override {
    bool failedAny = false;
    auto plan = [&](auto op) {
      const ir::MeshAttr mesh = ir::meshOf(op);
      if (!op.getPath())
        op.setPath(choosePath(mesh));
      failedAny |= failed(checkPath(op, *op.getPath(), mesh));
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
