// faro-lower-to-xfer: each function becomes the schedule of its shuffle.
#include "compiler/Schedule/Passes.h"
#include "compiler/Schedule/StageBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_FAROLOWERTOXFER
#include "compiler/Schedule/Passes.h.inc"

namespace {

/// A name for the program of another path that nothing in the module has: `dispatch_across`.
std::string freeName(ModuleOp module, StringRef base) {
  std::string name = (base + "_across").str();
  for (unsigned i = 2; module.lookupSymbol(name); ++i)
    name = (base + "_across" + Twine(i)).str();
  return name;
}

class Lowering {
public:
  explicit Lowering(WireClass wire) : wire(wire) {}

  template <typename Op> LogicalResult lower(func::FuncOp function, Op shuffle) {
    const std::optional<ir::Path> path = shuffle.getPath();
    if (!path)
      return shuffle.emitOpError() << "expects a path, found none; run faro-plan-route first";
    const std::string base = function.getName().str();
    if (*path != ir::Path::ByMesh) {
      makeProgram(function, shuffle, base, *path, /*of=*/{}, base);
    } else {
      const std::string across = freeName(function->getParentOfType<ModuleOp>(), base);
      makeProgram(function, shuffle, base, ir::Path::Direct, /*of=*/{}, base);
      makeProgram(function, shuffle, across, ir::Path::Hierarchical, /*of=*/base, base);
    }
    function.erase();
    return success();
  }

private:
  template <typename Op>
  void makeProgram(func::FuncOp function, Op shuffle, StringRef name, ir::Path path, StringRef of, StringRef base) {
    constexpr bool IsDispatch = std::is_same_v<Op, ir::DispatchOp>;
    OpBuilder builder(function);
    const ir::TokensType rows = shuffle.getExperts().getType();
    auto program = xfer::ProgramOp::create(
        builder, shuffle.getLoc(), name, IsDispatch ? xfer::Shuffle::Dispatch : xfer::Shuffle::Combine, rows,
        shuffle.getRoutes().getType(), path, rowStrideOf(rows.getRowBytes()), StreamingThreshold);
    if (!of.empty())
      program.setOf(of);
    if constexpr (!IsDispatch)
      // Partial rows of the row's own type need no word.
      if (path == ir::Path::Hierarchical && shuffle.getPartial() &&
          *shuffle.getPartial() != rows.getPlanes().front().element)
        program.setPartial(shuffle.getPartial());
    StageBuilder stages(builder, program, base);
    if (path == ir::Path::Direct)
      buildDirect(stages, program);
    else
      buildHierarchical(stages, program, wire);
  }

  WireClass wire;
};

struct LowerToXfer : impl::FaroLowerToXferBase<LowerToXfer> {
  using FaroLowerToXferBase::FaroLowerToXferBase;

  void runOnOperation() override {
    const std::optional<WireClass> wireClass = wireClassFromName(wire.getValue());
    if (!wireClass) {
      getOperation().emitError() << "faro-lower-to-xfer: expects wire = tcp or rdma, found " << wire;
      return signalPassFailure();
    }
    Lowering lowering(*wireClass);
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(lowerFunction(function, lowering)))
        return signalPassFailure();
  }

  static LogicalResult lowerFunction(func::FuncOp function, Lowering &lowering) {
    // A function is replaced as a whole: one that holds more than its shuffle would lose the rest without a word.
    if (!function.isExternal() && llvm::hasSingleElement(function.getBody()) &&
        llvm::hasNItems(function.getBody().front(), 2)) {
      Operation &shuffle = function.getBody().front().front();
      if (auto dispatch = dyn_cast<ir::DispatchOp>(shuffle))
        return lowering.lower(function, dispatch);
      if (auto combine = dyn_cast<ir::CombineOp>(shuffle))
        return lowering.lower(function, combine);
    }
    return function.emitOpError() << "is not one shuffle and a return; faro-check-program says what is wrong";
  }
};

} // namespace
} // namespace faro::compiler
