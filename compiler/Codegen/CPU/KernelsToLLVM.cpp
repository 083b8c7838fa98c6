// xfer-kernels-to-llvm: kernels whose loops are branches already (scf-forall-to-for, convert-scf-to-cf) to the llvm
// dialect.
#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Codegen/SignalToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace faro::compiler {
namespace {

using namespace mlir;

class KernelsToLLVMPass : public PassWrapper<KernelsToLLVMPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KernelsToLLVMPass)
  KernelsToLLVMPass() = default;
  KernelsToLLVMPass(const KernelsToLLVMPass &other) : PassWrapper(other) {}
  explicit KernelsToLLVMPass(const KeptPrefetches &kept) {
    near = kept.near;
    far = kept.far;
    page = kept.page;
    inOrder = kept.inOrder;
  }

  StringRef getArgument() const final { return "xfer-kernels-to-llvm"; }
  StringRef getDescription() const final { return "lower kernels to the llvm dialect for a CPU"; }
  void getDependentDialects(DialectRegistry &registry) const final { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() final {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    // The attribute belongs to func.func; what follows are symbols of an object file.
    module.walk([](func::FuncOp function) { function->removeAttr(xfer::XferDialect::KernelAttrName); });

    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(64);
    LLVMTypeConverter converter(context, options);
    RewritePatternSet patterns(context);
    LeafTarget leaves;
    leaves.prefetches = {near, far, page, inOrder};
    populateLeafToLLVM(converter, patterns, leaves);
    populateSignalToLLVM(converter, patterns, /*cuda=*/false);
    populateBulkToLLVM(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);

    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      signalPassFailure();
  }

private:
  Option<bool> near{*this, "near", llvm::cl::desc("keep prefetches of what is near"),
                    llvm::cl::init(KeptPrefetches().near)};
  Option<bool> far{*this, "far", llvm::cl::desc("keep prefetches of what is far"),
                   llvm::cl::init(KeptPrefetches().far)};
  Option<bool> page{*this, "page", llvm::cl::desc("keep prefetches of pages"), llvm::cl::init(KeptPrefetches().page)};
  Option<bool> inOrder{*this, "in-order", llvm::cl::desc("keep prefetches of what is read in order"),
                       llvm::cl::init(KeptPrefetches().inOrder)};
};

} // namespace

std::unique_ptr<Pass> createKernelsToLLVMPass(const KeptPrefetches &prefetches) {
  return std::make_unique<KernelsToLLVMPass>(prefetches);
}

} // namespace faro::compiler
