#include "compiler/Codegen/Module/BuildModule.h"

#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Pipelines/Pipelines.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace faro::compiler {
namespace {

using namespace mlir;

/// Lowers the kernels of one target and moves them into `all`, under names of their own.
LogicalResult lowerFor(const CpuTarget &target, ModuleOp kernels, ModuleOp all) {
  PassManager passes(kernels.getContext());
  // LLVM verifies what comes out; once more behind each pass is a tenth of a JIT's time.
  passes.enableVerifier(false);
  buildCpuLowering(passes, target.hasF16c, target.prefetches);
  if (failed(passes.run(kernels)))
    return failure();
  for (LLVM::LLVMFuncOp function : llvm::make_early_inc_range(kernels.getOps<LLVM::LLVMFuncOp>())) {
    if (!function.isExternal()) {
      StringAttr name = StringAttr::get(all.getContext(), kernelSymbol(function.getName(), target));
      // Kernels written by hand may call functions of their module.
      if (failed(SymbolTable::replaceAllSymbolUses(function, name, kernels)))
        return function.emitError() << "has uses that cannot be renamed for " << target.name;
      function.setSymNameAttr(name);
      function.setLinkage(LLVM::Linkage::Internal);
    } else if (all.lookupSymbol(function.getName())) {
      continue;
    }
    function->moveBefore(all.getBody(), all.getBody()->end());
  }
  return success();
}

void setAttributes(llvm::Module &module, llvm::ArrayRef<CpuTarget> targets) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    for (const CpuTarget &target : targets) {
      if (!function.getName().ends_with(kernelSymbol("", target)))
        continue;
      function.addFnAttr("target-cpu", target.cpu);
      if (!target.tune.empty())
        function.addFnAttr("tune-cpu", target.tune);
      if (!target.features.empty())
        function.addFnAttr("target-features", target.features);
    }
    // A store of 64 bytes is to stay one store: many AVX-512 processors are tuned for vectors half as wide.
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("min-legal-vector-width", "512");
    // No loop may become a call of memcpy or memset: there is no C library here.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

} // namespace

void registerModuleTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  // Of kernels for devices.
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

FailureOr<std::unique_ptr<llvm::Module>> buildModule(ModuleOp module, llvm::ArrayRef<CpuTarget> targets,
                                                     KernelsOf kernelsOf, llvm::ArrayRef<ImageTable> images,
                                                     llvm::StringRef specText, llvm::LLVMContext &context,
                                                     const llvm::TargetMachine &machine) {
  FailureOr<ModuleTables> tables = collectTables(module);
  if (failed(tables))
    return failure();
  tables->images.assign(images.begin(), images.end());
  auto kernels = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
  for (const std::string &kernel : tables->kernels)
    if (!kernels || !kernels.lookupSymbol(kernel))
      return module.emitError() << "expects kernel @" << kernel << " in the module @kernels, found none";

  OwningOpRef<ModuleOp> all = ModuleOp::create(module.getLoc());
  for (const CpuTarget &target : kernels ? targets : llvm::ArrayRef<CpuTarget>()) {
    FailureOr<OwningOpRef<ModuleOp>> own = kernelsOf(target);
    if (failed(own) || failed(lowerFor(target, **own, *all)))
      return failure();
  }
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(*all, context, "faro");
  if (!result)
    return module.emitError() << "its kernels cannot be translated to LLVM IR";
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  result->setPICLevel(llvm::PICLevel::BigPIC);
  setAttributes(*result, targets);
  emitTables(*result, *tables, targets, specText);
  return result;
}

} // namespace faro::compiler
