#include "compiler/Codegen/Module/Object.h"

#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/InlineCost.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Inliner.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopDeletion.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

namespace faro::compiler {
namespace {

/// What of O2 kernels gain from; the rest of it finds nothing and takes four times as long. Above all no vectoriser and
/// no unrolling: the emitter has chosen the vectors and what stays in registers.
llvm::ModulePassManager pipeline() {
  llvm::ModulePassManager passes;
  // Kernels written by hand may call functions of their module.
  passes.addPass(llvm::ModuleInlinerWrapperPass(llvm::getInlineParams()));
  passes.addPass(llvm::GlobalDCEPass());

  llvm::FunctionPassManager perFunction;
  perFunction.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  // The lowering computes each address and constant anew.
  perFunction.addPass(llvm::EarlyCSEPass());
  perFunction.addPass(llvm::InstCombinePass());
  perFunction.addPass(llvm::SimplifyCFGPass());
  // Loops come with their test at the top; what does not change leaves them once it is at the bottom.
  llvm::LoopPassManager perLoop;
  perLoop.addPass(llvm::LoopRotatePass());
  perLoop.addPass(llvm::LICMPass(llvm::LICMOptions()));
  // What only prefetched for another target's memory.
  perLoop.addPass(llvm::LoopDeletionPass());
  perFunction.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(perLoop), /*UseMemorySSA=*/true));
  perFunction.addPass(llvm::EarlyCSEPass());
  perFunction.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(perFunction)));
  return passes;
}

class ErrorHandler : public llvm::DiagnosticHandler {
public:
  explicit ErrorHandler(std::function<void(std::string)> report) : report(std::move(report)) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() != llvm::DS_Error)
      return true;
    std::string message;
    llvm::raw_string_ostream stream(message);
    llvm::DiagnosticPrinterRawOStream printer(stream);
    info.print(printer);
    report(std::move(message));
    return true;
  }

private:
  std::function<void(std::string)> report;
};

} // namespace

void onErrors(llvm::LLVMContext &context, std::function<void(std::string message)> report) {
  context.setDiagnosticHandler(std::make_unique<ErrorHandler>(std::move(report)));
}

void runPasses(llvm::ModulePassManager passes, llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  passes.run(module, modules);
}

void optimise(llvm::Module &module, llvm::TargetMachine &machine) { runPasses(pipeline(), module, machine); }

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                                             Output output) {
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  output == Output::Object ? llvm::CodeGenFileType::ObjectFile
                                                           : llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM cannot write machine code for this target");
  passes.run(module);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(code), "faro",
                                                         /*RequiresNullTerminator=*/false);
}

} // namespace faro::compiler
