// xfer-emit-plan: writes the kernels that plan a dispatch's batches on a device, for dispatches on one node whose rows
// are ordered by expert, source, token. Another order keeps the host's planner.
#include "compiler/Codegen/EmitPlan.h"

#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Codegen/ProgramRow.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace faro::compiler {

using namespace mlir;

void PlanBuilder::when(Value condition, const Then &then, const Then &otherwise) {
  auto op = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(op.thenBlock());
  then();
  if (!otherwise)
    return;
  builder.setInsertionPointToStart(op.elseBlock());
  otherwise();
}

Value PlanBuilder::usedTokens() {
  Value word = function.getArgument(2), all = number(), zero = constant(0);
  Value isGiven = is(xfer::CastOp::create(builder, loc, i(64), word), Predicate::ne, zero);
  auto op = scf::IfOp::create(builder, loc, TypeRange{i(64)}, isGiven, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(builder, loc, most(least(element64(word, zero), all), zero));
  builder.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(builder, loc, all);
  return op.getResult(0);
}

void PlanBuilder::overExperts(int64_t end, const Body &body) {
  constexpr int64_t Group = 32; // a warp
  overBlocks(constant(0), constant((end + Group - 1) / Group), [&](Value group) {
    overThreads(Group, 1, [&](Value thread) {
      Value at = add(mul(group, Group), thread);
      when(is(at, Predicate::ult, constant(end)), [&] { body(at); });
    });
  });
}

ValueRange PlanBuilder::walk(Value first, Value tokens, ValueRange init,
                             const std::function<SmallVector<Value>(Value, Value, ValueRange)> &step) {
  constexpr int64_t Most = 16; // at once; a register each, or two
  const int64_t K = shape.topk;
  int64_t together = std::min(K, Most);
  while (K % together != 0)
    --together;
  return fold(constant(0), mul(tokens, K / together), init, [&](Value number, ValueRange values) {
    Value at = mul(number, together), near = to32(at);
    SmallVector<Value> choices, now(values);
    for (int64_t i = 0; i < together; ++i)
      choices.push_back(element64(given(), add(add(first, at), i)));
    for (int64_t i = 0; i < together; ++i)
      now = step(choices[i], add(near, constant32(i)), now);
    return now;
  });
}

PlanBuilder::Verdict PlanBuilder::verdict() {
  Value zero = constant(0), rows = array(AREA(rows)), capacity = field(AREA(capacity));
  Value broken = element64(array(AREA(status)), constant(FARO_ABI_PLAN_BROKEN));
  ValueRange over = fold(zero, field(AREA(ranks)), {zero, zero}, [&](Value rank, ValueRange found) {
    Value has = element64(rows, rank);
    Value isFull = is(has, Predicate::ugt, capacity), first = both(isFull, is(found[0], Predicate::eq, zero));
    return SmallVector<Value>{select(first, add(rank, 1), found[0]), select(first, has, found[1])};
  });
  return {is(arith::OrIOp::create(builder, loc, over[0], broken), Predicate::ne, zero), over[0], over[1]};
}

bool isPlannable(xfer::ProgramOp program) {
  using layout::Key;
  const layout::Layout layout = program.getRowsType().getLayout().toLayout();
  constexpr std::array<Key, 4> Order{Key::Expert, Key::Source, Key::Token, Key::Choice};
  return !program.getOf() && program.getShuffle() == xfer::Shuffle::Dispatch && program.getPath() == ir::Path::Direct &&
         std::ranges::equal(layout.order.keys(), Order);
}

namespace {

using Emitter = void (*)(PlanBuilder &);
constexpr Emitter Emitters[] = {emitPlanCount, emitPlanScan, emitPlanMeet, emitPlanOffsets,
                                emitPlanPlace, emitPlanPad,  emitPlanWeigh};
static_assert(std::size(Emitters) == std::size(PlanKernelNames));

class EmitPlanPass : public PassWrapper<EmitPlanPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitPlanPass)
  StringRef getArgument() const final { return "xfer-emit-plan"; }
  StringRef getDescription() const final { return "write the kernels that plan a dispatch on a device"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect, scf::SCFDialect,
                    xfer::XferDialect>();
  }

  void runOnOperation() final {
    for (xfer::ProgramOp program : getOperation().getOps<xfer::ProgramOp>())
      if (isPlannable(program) && failed(emitFor(program)))
        return signalPassFailure();
  }

private:
  LogicalResult emitFor(xfer::ProgramOp program) {
    FailureOr<faro_abi_row> row = rowOf(program);
    auto kernels = getOperation().lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
    if (failed(row))
      return failure();
    if (!kernels)
      return program.emitOpError() << "expects a module @" << xfer::XferDialect::KernelsModuleName
                                   << ", found none; run xfer-emit-kernels first";
    const ir::RoutesType routes = program.getRoutesType();
    const PlanShape shape{int64_t(routes.getTopk()), int64_t(routes.getPlacement().experts()),
                          int64_t(program.getRowsType().getLayout().toLayout().align), int64_t(row->stride)};
    OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
    const FunctionType type = planType(&getContext());
    for (const auto &[suffix, emit] : llvm::zip(PlanKernelNames, Emitters)) {
      const std::string name = xfer::kernelName(program.getSymName(), suffix);
      if (suffix == PlanPadName && shape.align == 1)
        continue;
      if (Operation *own = kernels.lookupSymbol(name)) {
        if (failed(checkOwnKernel(own, type, program)))
          return failure();
        continue;
      }
      OpBuilder::InsertionGuard guard(builder);
      auto function = func::FuncOp::create(builder, program.getLoc(), name, type);
      function->setAttr(xfer::XferDialect::KernelAttrName, builder.getUnitAttr());
      // Nobody writes the area or what is given meanwhile: CUDA takes the read-only path for such loads.
      for (unsigned argument : {0u, 1u})
        for (StringRef attribute : {LLVM::LLVMDialect::getNoAliasAttrName(), LLVM::LLVMDialect::getReadonlyAttrName()})
          function.setArgAttr(argument, attribute, builder.getUnitAttr());
      builder.setInsertionPointToStart(function.addEntryBlock());
      PlanBuilder kernel(builder, function, shape);
      emit(kernel);
      func::ReturnOp::create(builder, program.getLoc());
    }
    return success();
  }
};

} // namespace

std::unique_ptr<Pass> createEmitPlanPass() { return std::make_unique<EmitPlanPass>(); }

} // namespace faro::compiler
