#include "compiler/Pipelines/Pipelines.h"

#include "compiler/Plan/Passes.h"
#include "compiler/Schedule/Passes.h"

#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

namespace faro::compiler {
namespace {

constexpr std::pair<Phase, const char *> Names[] = {{Phase::Faro, "faro"},
                                                    {Phase::Xfer, "xfer"},
                                                    {Phase::Kernels, "kernels"},
                                                    {Phase::LLVM, "llvm"},
                                                    {Phase::Assembly, "asm"}};

} // namespace

const char *phaseName(Phase phase) {
  for (const auto &[each, name] : Names)
    if (each == phase)
      return name;
  return "?";
}

std::optional<Phase> phaseFromName(std::string_view wanted) {
  for (const auto &[phase, name] : Names)
    if (wanted == name)
      return phase;
  return std::nullopt;
}

void buildPhase(mlir::OpPassManager &passes, Phase phase, const LoweringOptions &options) {
  switch (phase) {
  case Phase::Faro:
    // First: every shuffle needs a path, and what follows depends on which.
    passes.addPass(createFaroPlanRoute());
    // Closes the level: whatever passes can be lowered, so that faults are reported in the words of the spec.
    passes.addPass(createFaroCheckProgram());
    break;
  case Phase::Xfer:
    // Paths are chosen: each shuffle becomes the stages that carry it out.
    passes.addPass(createFaroLowerToXfer({wireClassName(options.wire.value_or(WireClass::Tcp))}));
    // Closes the level, for our own schedules as for those written by hand: alive, safe and complete before any kernel
    // is written for them.
    passes.addPass(createXferVerifySchedule());
    break;
  case Phase::Kernels:
    // Only now are row strides and the choice of stores final.
    passes.addPass(createEmitKernelsPass(options.kernels));
    // Behind the others, whose indices stay.
    if (options.plan)
      passes.addPass(createEmitPlanPass());
    break;
  case Phase::LLVM:
  case Phase::Assembly:
    break;
  }
}

void buildCpuLowering(mlir::OpPassManager &passes, bool hasF16c, const KeptPrefetches &prefetches) {
  // While conversions still are arith operations; as LLVM's own they would become calls.
  if (!hasF16c)
    passes.addPass(createExpandF16Pass());
  // Blocks and threads of a CPU kernel are one core, which goes through them in order.
  passes.addPass(mlir::createForallToForLoopPass());
  // Loops to branches, before the llvm dialect, which has no loops.
  passes.addPass(mlir::createSCFToControlFlowPass());
  // Last: everything that is left has one instruction or a few.
  passes.addPass(createKernelsToLLVMPass(prefetches));
}

} // namespace faro::compiler
