#include "compiler/Codegen/CUDA/Optimise.h"

#include "compiler/Codegen/Module/Object.h"

#include "llvm/Transforms/AggressiveInstCombine/AggressiveInstCombine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/CorrelatedValuePropagation.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopInstSimplify.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/LoopUnrollPass.h"
#include "llvm/Transforms/Scalar/Reassociate.h"
#include "llvm/Transforms/Scalar/SCCP.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Scalar/SpeculativeExecution.h"
#include "llvm/Transforms/Vectorize/VectorCombine.h"

namespace faro::compiler {
namespace {

llvm::FunctionToLoopPassAdaptor onLoops(llvm::LoopPassManager passes, bool memory) {
  return llvm::createFunctionToLoopPassAdaptor(std::move(passes), /*UseMemorySSA=*/memory);
}

/// What of O2 leaves its mark on the PTX of these kernels, in O2's order: without any one of them some kernel comes out
/// differently, with all of them each comes out as from O2 (OptimiseTest.cpp). The rest of it finds nothing.
llvm::ModulePassManager pipeline() {
  llvm::FunctionPassManager passes;
  // The lowering computes each address and constant anew.
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SCCPPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  // Short branches to selects: threads of a warp take both sides of a branch anyway.
  passes.addPass(llvm::SpeculativeExecutionPass(/*OnlyIfDivergentTarget=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::AggressiveInstCombinePass());
  passes.addPass(llvm::ReassociatePass());
  // Loops come with their test at the top; what does not change leaves them once it is at the bottom.
  llvm::LoopPassManager rotate;
  rotate.addPass(llvm::LoopInstSimplifyPass());
  rotate.addPass(llvm::LoopRotatePass());
  rotate.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(onLoops(std::move(rotate), /*memory=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::InstCombinePass());
  llvm::LoopPassManager count;
  count.addPass(llvm::IndVarSimplifyPass());
  passes.addPass(onLoops(std::move(count), /*memory=*/false));
  passes.addPass(llvm::VectorCombinePass());
  passes.addPass(llvm::GVNPass());
  passes.addPass(llvm::SCCPPass());
  passes.addPass(llvm::CorrelatedValuePropagationPass());
  passes.addPass(llvm::SimplifyCFGPass(llvm::SimplifyCFGOptions().hoistCommonInsts(true).sinkCommonInsts(true)));
  passes.addPass(llvm::InstCombinePass());
  // A thread has several rows on their way.
  passes.addPass(llvm::LoopUnrollPass(llvm::LoopUnrollOptions(/*OptLevel=*/2)));
  passes.addPass(llvm::InstCombinePass());
  llvm::LoopPassManager hoist;
  hoist.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(onLoops(std::move(hoist), /*memory=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  return all;
}

} // namespace

void optimiseForDevice(llvm::Module &module, llvm::TargetMachine &machine) { runPasses(pipeline(), module, machine); }

} // namespace faro::compiler
