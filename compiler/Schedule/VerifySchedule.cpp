// xfer-verify-schedule: closes the xfer level. The stages of a program by themselves, and pairs of programs, here
// (S1..S5, S8..S11, S24, S26, S27); rings and order in VerifyRings.cpp and VerifyOrder.cpp.
#include "compiler/Schedule/Constants.h"
#include "compiler/Schedule/Passes.h"
#include "compiler/Schedule/ScheduleRules.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_XFERVERIFYSCHEDULE
#include "compiler/Schedule/Passes.h.inc"

InFlightDiagnostic errorAt(xfer::StageOpInterface stage) {
  return stage->emitError() << "stage '" << stage.getStageName() << "' ";
}

namespace {
#define GEN_PASS_REGISTRATION
#include "compiler/Schedule/Passes.h.inc"

/// One program against all rules but those about the module (S1, S10, S26, S27).
class ProgramVerifier {
public:
  explicit ProgramVerifier(xfer::ProgramOp program) : program(program), graph(program), stages(program.getStages()) {}

  LogicalResult verify() {
    // What is there at all, then whether it runs, then what comes before what: "before" means little in a program that
    // does not run.
    if (failed(verifyFlags()) || failed(verifyKinds()) || failed(verifyRings(program, graph)) ||
        failed(none(graph.graph().check())) || failed(verifyLive()) || failed(verifySlots(program, graph)) ||
        failed(verifyOrder(program, graph)) || failed(verifyEnd()) || failed(verifyPadding()))
      return failure();
    return none(graph.graph().verify());
  }

private:
  /// What the rules above leave to the graph's own words: nothing, unless one of them has a gap.
  LogicalResult none(const std::optional<std::string> &fault) {
    if (fault)
      return program.emitError() << "expects a schedule whose graph is live and safe: " << *fault;
    return success();
  }

  LogicalResult verifyFlags() {
    for (xfer::StageOpInterface stage : stages) {
      if (auto await = dyn_cast<xfer::AwaitOp>(stage.getOperation())) {
        // /*schedule_s2*/
        const size_t raised = graph.notifiesOf(await.getFlag()).size();
        if (raised != 1)
          return errorAt(stage) << "expects one stage that raises flag \"" << await.getFlag() << "\", found " << raised;
      }
      if (auto notify = dyn_cast<xfer::NotifyOp>(stage.getOperation())) {
        // /*schedule_s3*/
        const auto awaits = graph.awaitsOf(notify.getFlag());
        if (awaits.empty())
          return errorAt(stage) << "raises flag \"" << notify.getFlag() << "\", which no stage awaits";
        if (awaits.size() > 1)
          return errorAt(graph.stage(awaits[1]))
                 << "awaits flag \"" << notify.getFlag() << "\", as stage '" << graph.stage(awaits[0]).getStageName()
                 << "' does; expected one await of a flag: it takes what was raised, and another would never end";
      }
    }
    return success();
  }

  /// The stages that move rows, of which a program has one each; a settle may be left out.
  ArrayRef<StringRef> movers() {
    static constexpr StringRef DirectDispatch[] = {"push"}, DirectCombine[] = {"pull"};
    static constexpr StringRef Dispatch[] = {"hand", "gather", "wire", "fan_out", "push"};
    static constexpr StringRef Combine[] = {"ask", "reduce", "wire", "fan_out", "settle", "pull"};
    if (program.getPath() == ir::Path::Hierarchical)
      return program.getShuffle() == xfer::Shuffle::Dispatch ? ArrayRef(Dispatch) : ArrayRef(Combine);
    return program.getShuffle() == xfer::Shuffle::Dispatch ? ArrayRef(DirectDispatch) : ArrayRef(DirectCombine);
  }

  LogicalResult verifyKinds() {
    const std::string kind =
        (ir::stringifyPath(program.getPath()) + " " + stringifyShuffle(program.getShuffle())).str();
    llvm::StringMap<unsigned> count;
    for (xfer::StageOpInterface stage : stages) {
      if (isa<xfer::NotifyOp, xfer::AwaitOp, xfer::PadOp>(stage.getOperation()))
        continue;
      const std::string name = stage.getStageName();
      // /*schedule_s5*/
      if (!llvm::is_contained(movers(), name))
        return errorAt(stage) << "does not belong in a " << kind << "; expected " << llvm::join(movers(), ", ");
      if (++count[name] > 1)
        return errorAt(stage) << "is the second of program '" << program.getSymName() << "'; expected one";
      if (failed(verifyStreaming(stage)) || failed(verifyShare(stage)))
        return failure();
    }
    for (StringRef name : movers())
      if (!count.contains(name) && name != "settle")
        return program.emitOpError() << "expects one " << name << ", as every " << kind << ", found none";
    return success();
  }

  LogicalResult verifyStreaming(xfer::StageOpInterface stage) {
    // /*schedule_s11*/
    if (stage.getStreamingAttr() && int64_t(program.getRowStride()) % LineBytes != 0)
      return errorAt(stage) << "names a streaming kernel; expected a row_stride that is a multiple of " << LineBytes
                            << ", found " << int64_t(program.getRowStride());
    return success();
  }

  LogicalResult verifyShare(xfer::StageOpInterface stage) {
    const bool adds = program.hasPartials() && isa<xfer::PullOp, xfer::SettleOp>(stage.getOperation());
    // /*schedule_s24*/
    if (adds != bool(stage.getShareAttr()))
      return errorAt(stage) << (adds ? "adds this node's share of each token; expected share(@kernel), which sums it"
                                     : "has no use for the kernel share(...): it adds no partial rows");
    return success();
  }

  LogicalResult verifyLive() {
    const std::optional<std::vector<size_t>> cycle = graph.findStuck();
    if (!cycle)
      return success();
    // At the first await, if there is one: it waits as the others do, and says so itself.
    const auto &edges = graph.graph().edges();
    std::optional<size_t> await;
    bool holdsTokens = false;
    for (size_t edge : *cycle) {
      if (!await && isa<xfer::AwaitOp>(stages[edges[edge].from].getOperation()))
        await = edges[edge].from;
      holdsTokens |= edges[edge].tokens > 0;
    }
    const size_t at = await.value_or(edges[cycle->front()].from);
    // /*schedule_s4*/
    InFlightDiagnostic error = errorAt(stages[at]) << "waits for itself: " << graph.graph().describe(*cycle);
    if (holdsTokens)
      error << "; a stage of these fires once, for all slices, and no number of slots is enough";
    return error;
  }

  LogicalResult verifyEnd() {
    const size_t last = stages.size() - 1;
    // /*schedule_s8*/
    if (!isa<xfer::AwaitOp>(stages[last].getOperation()))
      return errorAt(stages[last]) << "is the last of program '" << program.getSymName() << "'; expected an await";
    for (size_t i = 0; i < last; ++i)
      if (graph.graph().tokensBetween(i, last) != 0)
        return errorAt(stages[i]) << "is not ordered before the program's last stage '" << stages[last].getStageName()
                                  << "': the program could end without it";
    return success();
  }

  LogicalResult verifyPadding() {
    const bool padded =
        program.getShuffle() == xfer::Shuffle::Dispatch && program.getRowsType().getLayout().getAlign() > 1;
    size_t pads = 0;
    // /*schedule_s9*/
    for (xfer::StageOpInterface stage : stages)
      if (isa<xfer::PadOp>(stage.getOperation()) && (++pads > 1 || !padded))
        return errorAt(stage) << (padded ? "zeroes the padding a second time; expected one pad"
                                         : "has nothing to zero: only a dispatch with align > 1 has padding rows");
    if (padded && pads == 0)
      return program.emitOpError() << "expects a pad: align = " << program.getRowsType().getLayout().getAlign()
                                   << " leaves rows that nobody else writes";
    return success();
  }

  xfer::ProgramOp program;
  ScheduleGraph graph;
  SmallVector<xfer::StageOpInterface> stages; ///< as in the graph
};

/// What a target would drop without a word, or not know what to do with. (Whatever it is in, a leaf is in a function.)
LogicalResult verifyKernelsModule(ModuleOp kernels) {
  for (Operation &op : *kernels.getBody()) {
    auto function = dyn_cast<func::FuncOp>(op);
    // /*schedule_s27*/
    if (!function || function.isExternal())
      return op.emitOpError() << (function ? "has no body" : "is no function") << "; expected the module @"
                              << *kernels.getSymName() << " to hold functions with bodies, and nothing else";
    if (!xfer::isKernelName(function.getName()))
      return function.emitOpError() << "expects a name of letters, digits and underscores, no digit first, as all of "
                                    << "the module @" << *kernels.getSymName();
  }
  return success();
}

LogicalResult verifyKernels(xfer::ProgramOp program, ModuleOp kernels) {
  for (xfer::StageOpInterface stage : program.getStages())
    for (const auto &[word, name] : stage.getKernelClauses()) {
      auto function = kernels.lookupSymbol<func::FuncOp>(name.getAttr());
      // /*schedule_s10*/
      if (!function || !function->hasAttr(xfer::XferDialect::KernelAttrName))
        return errorAt(stage) << "expects " << name << " to be a kernel of the module @" << *kernels.getSymName()
                              << ", found " << (function ? "a function without 'xfer.kernel'" : "nothing of this name");
    }
  return success();
}

struct VerifySchedule : impl::XferVerifyScheduleBase<VerifySchedule> {
  using XferVerifyScheduleBase::XferVerifyScheduleBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    markAllAnalysesPreserved();
    // /*schedule_s1*/
    WalkResult left = module.walk([](Operation *op) {
      if (!isa_and_nonnull<ir::FaroDialect>(op->getDialect()))
        return WalkResult::advance();
      op->emitOpError() << "is left over from the faro level; run faro-lower-to-xfer first";
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      return signalPassFailure();
    const std::optional<WireClass> wire = wireClassFromName(period);
    if (!wire && !period.empty()) {
      mlir::emitError(module.getLoc()) << "xfer-verify-schedule: expects period=tcp or period=rdma, found '" << period
                                       << "'";
      return signalPassFailure();
    }
    if (failed(verifyPairs(module)))
      return signalPassFailure();
    auto kernels = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
    if (kernels && failed(verifyKernelsModule(kernels)))
      return signalPassFailure();
    for (auto program : module.getOps<xfer::ProgramOp>())
      if (failed(ProgramVerifier(program).verify()) || (kernels && failed(verifyKernels(program, kernels))))
        signalPassFailure();
      else if (wire && program.getPath() == ir::Path::Hierarchical)
        remark(program, *wire);
  }

  static bool undoes(xfer::ProgramOp combine, xfer::ProgramOp dispatch) {
    return combine.getRowsType().hasSameRowAndLayout(dispatch.getRowsType()) &&
           combine.getRoutes() == dispatch.getRoutes() && combine.getRowStride() == dispatch.getRowStride();
  }

  static LogicalResult verifyPairs(ModuleOp module) {
    const auto programs = llvm::to_vector(module.getOps<xfer::ProgramOp>());
    const auto isDispatch = [](xfer::ProgramOp each) { return each.getShuffle() == xfer::Shuffle::Dispatch; };
    const auto *first = llvm::find_if(programs, isDispatch);
    if (first == programs.end())
      return success();
    for (xfer::ProgramOp combine : programs) {
      const auto undone = [&](xfer::ProgramOp other) { return isDispatch(other) && undoes(combine, other); };
      if (isDispatch(combine) || llvm::any_of(programs, undone))
        continue;
      // /*schedule_s26*/
      InFlightDiagnostic error =
          combine.emitOpError()
          << "undoes no dispatch of the module: expected the row, layout, routes and row_stride of "
             "one, found "
          << combine.getRowsType() << ", " << combine.getRoutes() << " and " << int64_t(combine.getRowStride());
      xfer::ProgramOp dispatch = *first;
      error.attachNote(dispatch.getLoc()) << "the first dispatch has " << dispatch.getRowsType() << ", "
                                          << dispatch.getRoutes() << " and " << int64_t(dispatch.getRowStride());
      return error;
    }
    return success();
  }

  static void remark(xfer::ProgramOp program, WireClass wire) {
    const SchedulePeriod period = periodOf(program, ScheduleGraph(program), wireModel(wire));
    program.emitRemark() << "over " << wireClassName(wire) << ", a slice of " << period.rows << " rows every "
                         << llvm::formatv("{0:f1}", period.period / 1000).str() << " us, the first after "
                         << llvm::formatv("{0:f1}", period.first / 1000).str() << " us; it is held up by "
                         << period.bottleneck;
  }
};

} // namespace
} // namespace faro::compiler

void faro::compiler::registerSchedulePasses() { registerFaroSchedulePasses(); }
