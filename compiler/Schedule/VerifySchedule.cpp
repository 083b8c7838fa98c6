// xfer-verify-schedule: closes the xfer level (S1..S11).
#include "compiler/Schedule/Constants.h"
#include "compiler/Schedule/Passes.h"
#include "compiler/Schedule/StageGraph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace faro::compiler {
#define GEN_PASS_DEF_XFERVERIFYSCHEDULE
#include "compiler/Schedule/Passes.h.inc"

namespace {
#define GEN_PASS_REGISTRATION
#include "compiler/Schedule/Passes.h.inc"

InFlightDiagnostic errorAt(xfer::StageOpInterface stage) {
  return stage->emitError() << "stage '" << stage.getStageName() << "' ";
}

/// One program against S2..S9 and S11.
class ProgramVerifier {
public:
  explicit ProgramVerifier(xfer::ProgramOp program) : program(program), graph(program), stages(program.getStages()) {}

  LogicalResult verify() {
    // Flags and cycles first: "before" means little in a program that does not run.
    if (failed(verifyFlags()) || failed(verifyLive()) || failed(verifyMover()) || failed(verifyOrder()) ||
        failed(verifyEnd()) || failed(verifyPadding()))
      return failure();
    return success();
  }

private:
  LogicalResult verifyFlags() {
    for (xfer::StageOpInterface stage : stages) {
      if (auto await = dyn_cast<xfer::AwaitOp>(stage.getOperation())) {
        // /*schedule_s2*/
        const size_t raised = graph.notifiesOf(await.getFlag()).size();
        if (raised != 1)
          return errorAt(stage) << "expects one stage that raises flag \"" << await.getFlag() << "\", found " << raised;
      }
      if (auto notify = dyn_cast<xfer::NotifyOp>(stage.getOperation()))
        // /*schedule_s3*/
        if (graph.awaitsOf(notify.getFlag()).empty())
          return errorAt(stage) << "raises flag \"" << notify.getFlag() << "\", which no stage awaits";
    }
    return success();
  }

  LogicalResult verifyLive() {
    // /*schedule_s4*/
    if (std::optional<size_t> stage = graph.findCycle())
      return errorAt(stages[*stage]) << "comes before itself: the flag that it waits for is raised only after it";
    return success();
  }

  LogicalResult verifyMover() {
    const bool isDispatch = program.getShuffle() == xfer::Shuffle::Dispatch;
    size_t count = 0;
    for (size_t i = 0; i < stages.size(); ++i) {
      const bool isPush = isa<xfer::PushOp>(stages[i].getOperation());
      if (!isPush && !isa<xfer::PullOp>(stages[i].getOperation()))
        continue;
      // /*schedule_s5*/
      if (isPush != isDispatch)
        return errorAt(stages[i]) << "does not belong in a " << stringifyShuffle(program.getShuffle())
                                  << "; expected a " << (isDispatch ? "push" : "pull");
      if (++count > 1)
        return errorAt(stages[i]) << "is the second of program '" << program.getSymName() << "'; expected one";
      mover = i;
    }
    if (count == 0)
      return program.emitOpError() << "expects one " << (isDispatch ? "push" : "pull") << ", found none";
    return verifyStreaming();
  }

  LogicalResult verifyStreaming() {
    auto streaming = stages[mover]->getAttrOfType<FlatSymbolRefAttr>("streaming");
    // /*schedule_s11*/
    if (streaming && int64_t(program.getRowStride()) % LineBytes != 0)
      return errorAt(stages[mover]) << "names a streaming kernel; expected a row_stride that is a multiple of "
                                    << LineBytes << ", found " << int64_t(program.getRowStride());
    return success();
  }

  LogicalResult verifyOrder() {
    bool opened = false, closed = false;
    for (size_t i = 0; i < stages.size(); ++i) {
      auto await = dyn_cast<xfer::AwaitOp>(stages[i].getOperation());
      if (!await)
        continue;
      opened |= graph.isBefore(i, mover);
      closed |= graph.isBefore(mover, graph.notifiesOf(await.getFlag()).front());
    }
    // /*schedule_s6*/
    if (!opened)
      return errorAt(stages[mover])
             << "touches rows of peers; expected an await before it, found none: their windows may "
                "still be in use";
    // /*schedule_s7*/
    if (!closed)
      return errorAt(stages[mover])
             << "expects a flag that is raised after it and awaited, found none: peers cannot know "
                "when it is done";
    return success();
  }

  LogicalResult verifyEnd() {
    const size_t last = stages.size() - 1;
    // /*schedule_s8*/
    if (!isa<xfer::AwaitOp>(stages[last].getOperation()))
      return errorAt(stages[last]) << "is the last of program '" << program.getSymName() << "'; expected an await";
    for (size_t i = 0; i < last; ++i)
      if (!graph.isBefore(i, last))
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
  StageGraph graph;
  SmallVector<xfer::StageOpInterface> stages;
  size_t mover = 0; ///< the push or pull
};

LogicalResult verifyKernels(xfer::ProgramOp program, ModuleOp kernels) {
  for (xfer::StageOpInterface stage : program.getStages())
    for (StringRef slot : {"kernel", "streaming"}) {
      auto name = stage->getAttrOfType<FlatSymbolRefAttr>(slot);
      if (!name)
        continue;
      auto function = kernels.lookupSymbol<func::FuncOp>(name.getAttr());
      // /*schedule_s10*/
      if (!function || !function->hasAttr(xfer::XferDialect::KernelAttrName))
        return errorAt(stage) << "expects " << name << " to be a kernel of the module @" << *kernels.getSymName()
                              << ", found " << (function ? "a function without 'xfer.kernel'" : "nothing of this name");
    }
  return success();
}

struct VerifySchedule : impl::XferVerifyScheduleBase<VerifySchedule> {
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
    auto kernels = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
    for (auto program : module.getOps<xfer::ProgramOp>())
      if (failed(ProgramVerifier(program).verify()) || (kernels && failed(verifyKernels(program, kernels))))
        signalPassFailure();
  }
};

} // namespace
} // namespace faro::compiler

void faro::compiler::registerSchedulePasses() { registerFaroSchedulePasses(); }
