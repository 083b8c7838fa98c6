// faro-lower-to-xfer: each function becomes the schedule of its shuffle.
#include "compiler/Schedule/Constants.h"
#include "compiler/Schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_FAROLOWERTOXFER
#include "compiler/Schedule/Passes.h.inc"

namespace {

/// Builds the stages of one program, all at the shuffle's location.
class ProgramBuilder {
public:
  ProgramBuilder(OpBuilder &builder, xfer::ProgramOp program)
      : builder(builder), program(program), loc(program.getLoc()),
        timepoint(xfer::TimepointType::get(builder.getContext())),
        core(xfer::ResourceAttr::get(builder.getContext(), xfer::Resource::Core)) {
    builder.setInsertionPointToEnd(&program.getBody().front());
    plan = xfer::DescriptorsOp::create(builder, loc, xfer::DescriptorsType::get(builder.getContext()));
  }

  /// A push may overwrite rows of peers, which say with "open" that they are done with the last batch's.
  void dispatch() {
    Value open = notify("open", {});
    // Before the await: zeroing needs nobody else, and fills the time until the peers are there.
    Value pad;
    if (program.getRowsType().getLayout().getAlign() > 1)
      pad = xfer::PadOp::create(builder, loc, timepoint, plan, ValueRange{}, xfer::Resource::Core);
    Value in = await("open", open);
    Value push = xfer::PushOp::create(builder, loc, timepoint, plan, kernel("_push"), streaming("_push"), in, core);
    finish(push, pad);
  }

  /// A pull reads rows of peers, which say with "open" that their experts are done; "done" says that mine may change.
  void combine() {
    Value in = await("open", notify("open", {}));
    Value pull = xfer::PullOp::create(builder, loc, timepoint, plan, kernel("_pull"), streaming("_pull"), in, core);
    finish(pull, {});
  }

private:
  Value notify(StringRef flag, ValueRange after) {
    return xfer::NotifyOp::create(builder, loc, timepoint, flag, after, xfer::Resource::Link);
  }
  Value await(StringRef flag, ValueRange after) {
    return xfer::AwaitOp::create(builder, loc, timepoint, flag, after, xfer::Resource::Link);
  }
  void finish(Value moved, Value pad) {
    SmallVector<Value, 2> last{notify("done", moved)};
    if (pad)
      last.push_back(pad);
    await("done", last);
  }
  FlatSymbolRefAttr kernel(StringRef suffix) {
    return FlatSymbolRefAttr::get(builder.getStringAttr(program.getSymName() + suffix));
  }
  /// Stores past the cache are for whole lines only.
  FlatSymbolRefAttr streaming(StringRef suffix) {
    if (int64_t(program.getRowStride()) % LineBytes != 0)
      return {};
    return FlatSymbolRefAttr::get(builder.getStringAttr(program.getSymName() + suffix + "_streaming"));
  }

  OpBuilder &builder;
  xfer::ProgramOp program;
  Location loc;
  Type timepoint;
  xfer::ResourceAttr core;
  Value plan;
};

template <typename Op> LogicalResult lower(func::FuncOp function, Op shuffle) {
  if (!shuffle.getPath())
    return shuffle.emitOpError() << "expects a path, found none; run faro-plan-route first";
  OpBuilder builder(function);
  const ir::TokensType rows = shuffle.getExperts().getType();
  constexpr bool IsDispatch = std::is_same_v<Op, ir::DispatchOp>;
  auto program = xfer::ProgramOp::create(
      builder, shuffle.getLoc(), function.getName(), IsDispatch ? xfer::Shuffle::Dispatch : xfer::Shuffle::Combine,
      rows, shuffle.getRoutes().getType(), *shuffle.getPath(), rowStrideOf(rows.getRowBytes()), StreamingThreshold);
  ProgramBuilder stages(builder, program);
  if constexpr (IsDispatch)
    stages.dispatch();
  else
    stages.combine();
  function.erase();
  return success();
}

struct LowerToXfer : impl::FaroLowerToXferBase<LowerToXfer> {
  void runOnOperation() override {
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(lowerFunction(function)))
        return signalPassFailure();
  }

  static LogicalResult lowerFunction(func::FuncOp function) {
    // A function is replaced as a whole: one that holds more than its shuffle would lose the rest without a word.
    if (!function.isExternal() && llvm::hasSingleElement(function.getBody()) &&
        llvm::hasNItems(function.getBody().front(), 2)) {
      Operation &shuffle = function.getBody().front().front();
      if (auto dispatch = dyn_cast<ir::DispatchOp>(shuffle))
        return lower(function, dispatch);
      if (auto combine = dyn_cast<ir::CombineOp>(shuffle))
        return lower(function, combine);
    }
    return function.emitOpError() << "is not one shuffle and a return; faro-check-program says what is wrong";
  }
};

} // namespace
} // namespace faro::compiler
