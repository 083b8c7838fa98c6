#include "compiler/Interpreter/FromIR.h"

#include "dialect/Faro/FaroDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace faro::compiler {

static std::optional<reference::Element> elementOf(Type type) {
  if (type.isBF16())
    return reference::Element::BF16;
  if (type.isF16())
    return reference::Element::F16;
  if (type.isF32())
    return reference::Element::F32;
  return std::nullopt;
}

template <typename Op> static FailureOr<reference::Program> programOf(func::FuncOp function, Op shuffle) {
  const ir::TokensType experts = shuffle.getExperts().getType();
  const ir::RoutesType routes = shuffle.getRoutes().getType();
  std::optional<reference::Element> element;
  if (experts.getPlanes().size() == 1)
    element = elementOf(experts.getPlanes().front().element);
  if (!element)
    return shuffle.emitOpError() << "expects a row of bf16, f16 or f32 to be interpreted, found "
                                 << experts.getRowText();
  reference::Program program;
  program.name = function.getName().str();
  program.isDispatch = std::is_same_v<Op, ir::DispatchOp>;
  program.element = program.partial = *element;
  if constexpr (std::is_same_v<Op, ir::CombineOp>)
    if (const std::optional<Type> partial = shuffle.getPartial())
      program.partial = *elementOf(*partial); // (C6): the row's element or f32
  program.columns = uint64_t(experts.getPlanes().front().columns);
  program.layout = experts.getLayout().toLayout();
  program.placement = routes.getPlacement();
  program.topk = uint32_t(routes.getTopk());
  return program;
}

static FailureOr<reference::Program> programOf(func::FuncOp function) {
  SmallVector<Operation *> shuffles;
  function.walk([&](Operation *op) {
    if (isa<ir::DispatchOp, ir::CombineOp>(op))
      shuffles.push_back(op);
  });
  if (shuffles.size() != 1)
    return function.emitOpError() << "expects one faro.dispatch or faro.combine, found " << shuffles.size();
  if (auto dispatch = dyn_cast<ir::DispatchOp>(shuffles.front()))
    return programOf(function, dispatch);
  return programOf(function, cast<ir::CombineOp>(shuffles.front()));
}

FailureOr<std::vector<reference::Program>> programsOf(ModuleOp module) {
  std::vector<reference::Program> programs;
  for (auto function : module.getOps<func::FuncOp>()) {
    FailureOr<reference::Program> program = programOf(function);
    if (failed(program))
      return failure();
    programs.push_back(std::move(*program));
  }
  return programs;
}

} // namespace faro::compiler
