// faro-check-program: closes the faro level (W2..W8).
#include "compiler/Schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_FAROCHECKPROGRAM
#include "compiler/Schedule/Passes.h.inc"

namespace {

/// What the checks need of a dispatch or combine.
struct Shuffle {
  Operation *op = nullptr;
  bool isDispatch = true;
  ir::TokensType experts;
  ir::RoutesType routes;
  bool hasPath = false;
};

std::optional<Shuffle> shuffleOf(Operation *op) {
  if (auto dispatch = dyn_cast<ir::DispatchOp>(op))
    return Shuffle{op, true, dispatch.getExperts().getType(), dispatch.getRoutes().getType(),
                   dispatch.getPath().has_value()};
  if (auto combine = dyn_cast<ir::CombineOp>(op))
    return Shuffle{op, false, combine.getExperts().getType(), combine.getRoutes().getType(),
                   combine.getPath().has_value()};
  return std::nullopt;
}

/// W3: the function is `return shuffle(arguments...)`.
FailureOr<Shuffle> checkShape(func::FuncOp function) {
  std::optional<Shuffle> shuffle;
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator()) {
    std::optional<Shuffle> found = shuffleOf(&op);
    // /*program_w3*/
    if (!found)
      return op.emitOpError() << "has no schedule; expected function '" << function.getName()
                              << "' to hold one faro.dispatch or faro.combine";
    if (shuffle)
      return op.emitOpError() << "is the second shuffle of function '" << function.getName() << "'; expected one";
    shuffle = found;
  }
  if (!shuffle || !llvm::hasSingleElement(function.getBody()))
    return function.emitOpError() << "expects one faro.dispatch or faro.combine in one block, found "
                                  << (shuffle ? "several blocks" : "none");
  if (!llvm::equal(shuffle->op->getOperands(), body.getArguments()))
    return shuffle->op->emitOpError() << "expects the arguments of function '" << function.getName()
                                      << "' as its operands, in their order, and no other argument";
  if (!llvm::equal(body.getTerminator()->getOperands(), shuffle->op->getResults()))
    return body.getTerminator()->emitOpError()
           << "expects to return the result of '" << shuffle->op->getName() << "', and nothing else";
  return *shuffle;
}

/// W4, W5, W7.
LogicalResult checkLowerable(const Shuffle &shuffle) {
  // /*program_w4*/
  if (shuffle.experts.getPlanes().size() != 1)
    return shuffle.op->emitOpError() << "expects a row of a single plane, found " << shuffle.experts.getRowText()
                                     << "; rows of several planes have no kernels yet";
  if (Type element = shuffle.experts.getPlanes().front().element; !ir::isSummable(element))
    return shuffle.op->emitOpError() << "expects an element bf16, f16 or f32, found " << element
                                     << "; other elements have no kernels yet";
  // /*program_w5*/
  const layout::Order order = shuffle.experts.getLayout().toLayout().order;
  if (!order.placeableByCounts()) {
    const auto *early = llvm::find_if(
        order.keys(), [](layout::Key key) { return key == layout::Key::Token || key == layout::Key::Choice; });
    return shuffle.op->emitOpError() << "expects an order whose rows can be placed by counts alone, found '"
                                     << layout::keyName(*early) << "' before 'source' in "
                                     << shuffle.experts.getLayout()
                                     << "; the rows of one source would depend on the tokens of the others";
  }
  // /*program_w7*/
  if (!shuffle.hasPath)
    return shuffle.op->emitOpError() << "expects a path, found none; run faro-plan-route first";
  return success();
}

bool undoes(const Shuffle &combine, const Shuffle &dispatch) {
  return combine.experts.hasSameRowAndLayout(dispatch.experts) && combine.routes == dispatch.routes;
}

struct CheckProgram : impl::FaroCheckProgramBase<CheckProgram> {
  void runOnOperation() override {
    SmallVector<Shuffle> shuffles;
    if (failed(collect(shuffles)) || failed(checkPairs(shuffles)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  /// All functions are looked at, so that one run shows all that is wrong.
  LogicalResult collect(SmallVector<Shuffle> &shuffles) {
    bool failedAny = false;
    for (Operation &op : *getOperation().getBody()) {
      auto function = dyn_cast<func::FuncOp>(op);
      // /*program_w2*/
      if (!function || function.isExternal()) {
        op.emitOpError() << (function ? "has no body" : "is no function")
                         << "; expected a function that holds a shuffle";
        failedAny = true;
        continue;
      }
      // /*program_w8*/
      if (failed(xfer::XferDialect::checkProgramName(function, function.getName()))) {
        failedAny = true;
        continue;
      }
      FailureOr<Shuffle> shuffle = checkShape(function);
      if (failed(shuffle) || failed(checkLowerable(*shuffle)))
        failedAny = true;
      else
        shuffles.push_back(*shuffle);
    }
    if (!failedAny && shuffles.empty())
      return getOperation().emitOpError() << "expects at least one function that holds a shuffle, found none";
    return failure(failedAny);
  }

  LogicalResult checkPairs(ArrayRef<Shuffle> shuffles) {
    auto isDispatch = [](const Shuffle &shuffle) { return shuffle.isDispatch; };
    if (llvm::none_of(shuffles, isDispatch))
      return success();
    for (const Shuffle &combine : shuffles) {
      if (combine.isDispatch ||
          llvm::any_of(shuffles, [&](const Shuffle &other) { return other.isDispatch && undoes(combine, other); }))
        continue;
      // /*program_w6*/
      InFlightDiagnostic diagnostic =
          combine.op->emitOpError()
          << "undoes no dispatch of the module: expected the row, layout and routes of one, found " << combine.experts
          << " and " << combine.routes;
      diagnostic.attachNote(llvm::find_if(shuffles, isDispatch)->op->getLoc())
          << "the first dispatch has " << llvm::find_if(shuffles, isDispatch)->experts << " and "
          << llvm::find_if(shuffles, isDispatch)->routes;
      return diagnostic;
    }
    return success();
  }
};

} // namespace
} // namespace faro::compiler
