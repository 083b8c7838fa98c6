// xfer-kernels-to-gpu: the kernels as CUDA kernels.
//
//   module @kernels { func.func @k(%a: !xfer.addr) { scf.forall ... {mapping = [#gpu.block<x>]} } }
//
// becomes
//
//   gpu.module @kernels { gpu.func @k(%a: !llvm.ptr<1>) kernel { scf.for %t = %begin + block to %end step blocks } }
//
// Loops over blocks and threads stride by the size of the launch, so any grid is right.
#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "compiler/Codegen/CUDA/BulkCopies.h"
#include "compiler/Codegen/CUDA/RowAccess.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Codegen/SignalToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace faro::compiler {
namespace {

using namespace mlir;

/// CUDA's global memory.
constexpr unsigned GlobalMemory = 1;

class KernelsToGpuPass : public PassWrapper<KernelsToGpuPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KernelsToGpuPass)
  KernelsToGpuPass() = default;
  KernelsToGpuPass(const KernelsToGpuPass &other) : PassWrapper(other) {}
  explicit KernelsToGpuPass(int64_t bytes) { accessBytes = bytes; }
  StringRef getArgument() const final { return "xfer-kernels-to-gpu"; }
  StringRef getDescription() const final { return "turn kernels into functions of a gpu.module"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, gpu::GPUDialect, LLVM::LLVMDialect, scf::SCFDialect>();
  }

  void runOnOperation() final {
    auto kernels = getOperation().lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
    if (!kernels) {
      getOperation().emitError() << "expects a module @" << xfer::XferDialect::KernelsModuleName
                                 << ", found none; run xfer-emit-kernels first";
      return signalPassFailure();
    }
    if (failed(leaveKernels(kernels)) || failed(makeStagingMemory(kernels)))
      return signalPassFailure();
    numberBlocks(kernels);
    if (failed(spreadLoops(kernels)) || failed(lowerLeaves(kernels)))
      return signalPassFailure();
    moveToGpuModule(kernels);
  }

private:
  /// Each kernel is compiled by itself (PtxParts.h): it calls nothing, and what only a CPU's kernels would call goes.
  LogicalResult leaveKernels(ModuleOp kernels) {
    WalkResult calls = kernels.walk([](func::CallOp call) {
      call.emitOpError() << "of @" << call.getCallee() << ": kernels for a device call nothing; expected what it does "
                         << "in its place";
      return WalkResult::interrupt();
    });
    for (func::FuncOp function : llvm::make_early_inc_range(kernels.getOps<func::FuncOp>()))
      if (!calls.wasInterrupted() && !function->hasAttr(xfer::XferDialect::KernelAttrName))
        function.erase();
    return failure(calls.wasInterrupted());
  }

  /// Innermost last: the order of a walk does not matter, each loop is rewritten where it stands.
  LogicalResult spreadLoops(ModuleOp kernels) {
    SmallVector<scf::ForallOp> loops;
    kernels.walk([&](scf::ForallOp loop) { loops.push_back(loop); });
    for (scf::ForallOp loop : loops)
      if (failed(spread(loop)))
        return failure();
    return success();
  }

  void numberBlocks(ModuleOp kernels) {
    kernels.walk([](xfer::BlockOp op) {
      OpBuilder builder(op);
      const Location loc = op.getLoc();
      Value id = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
      Value count = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
      const auto number = [&](Value index) {
        return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index).getResult();
      };
      op->replaceAllUsesWith(ValueRange{number(id), number(count)});
      op.erase();
    });
  }

  LogicalResult spread(scf::ForallOp loop) {
    OpBuilder builder(loop);
    const Location loc = loop.getLoc();
    if (!loop.getMapping() || loop.getMapping()->size() != 1 || loop.getRank() != 1 || loop.getNumResults() != 0)
      return loop.emitOpError() << "expects one dimension, mapped to #gpu.block<x> or #gpu.thread<x>, and no results";
    Value id, count;
    const Attribute mapping = loop.getMapping()->getValue().front();
    if (mapping == gpu::GPUBlockMappingAttr::get(&getContext(), gpu::MappingId::DimX)) {
      id = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
      count = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
    } else if (mapping == gpu::GPUThreadMappingAttr::get(&getContext(), gpu::MappingId::DimX)) {
      id = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
      count = gpu::BlockDimOp::create(builder, loc, gpu::Dimension::x);
    } else {
      return loop.emitOpError() << "expects a mapping to #gpu.block<x> or #gpu.thread<x>, found " << mapping;
    }
    const auto value = [&](OpFoldResult bound) { return getValueOrCreateConstantIndexOp(builder, loc, bound); };
    Value step = value(loop.getMixedStep().front());
    Value begin = arith::AddIOp::create(builder, loc, value(loop.getMixedLowerBound().front()),
                                        arith::MulIOp::create(builder, loc, id, step));
    Value stride = arith::MulIOp::create(builder, loc, count, step);
    auto spreadLoop = scf::ForOp::create(builder, loc, begin, value(loop.getMixedUpperBound().front()), stride);
    Block *body = spreadLoop.getBody();
    loop.getInductionVars().front().replaceAllUsesWith(spreadLoop.getInductionVar());
    body->getOperations().splice(body->begin(), loop.getBody()->getOperations(), loop.getBody()->begin(),
                                 std::prev(loop.getBody()->end()));
    loop.erase();
    return success();
  }

  LogicalResult lowerLeaves(ModuleOp kernels) {
    LowerToLLVMOptions options(&getContext());
    options.overrideIndexBitwidth(64);
    LLVMTypeConverter converter(&getContext(), options);
    // Loops keep their index types; the pipeline behind converts them.
    converter.addConversion([](IndexType type) { return type; });
    RewritePatternSet patterns(&getContext());
    // What hides latency here is many threads.
    const LeafTarget leaves{.addressSpace = GlobalMemory, .prefetches = KeptPrefetches::none(), .x86Fence = false};
    populateLeafToLLVM(converter, patterns, leaves);
    populateSignalToLLVM(converter, patterns, /*cuda=*/true);
    populateRowAccess(converter, patterns, accessBytes);
    populateBulkCopies(converter, patterns);
    markReadOnlyLoads(kernels);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, converter);
    ConversionTarget target(getContext());
    target.addIllegalDialect<xfer::XferDialect>();
    target.addDynamicallyLegalOp<func::FuncOp>(
        [&](func::FuncOp function) { return converter.isSignatureLegal(function.getFunctionType()); });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    kernels.walk([](func::FuncOp function) { function->removeAttr(xfer::XferDialect::KernelAttrName); });
    return applyPartialConversion(kernels, target, std::move(patterns));
  }

  void moveToGpuModule(ModuleOp kernels) {
    OpBuilder builder(kernels);
    auto gpuModule = gpu::GPUModuleOp::create(builder, kernels.getLoc(), *kernels.getName());
    for (LLVM::GlobalOp memory : llvm::make_early_inc_range(kernels.getOps<LLVM::GlobalOp>()))
      memory->moveBefore(gpuModule.getBody(), gpuModule.getBody()->begin());
    for (func::FuncOp function : llvm::make_early_inc_range(kernels.getOps<func::FuncOp>())) {
      builder.setInsertionPointToEnd(gpuModule.getBody());
      auto gpuFunction =
          gpu::GPUFuncOp::create(builder, function.getLoc(), function.getName(), function.getFunctionType());
      gpuFunction->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
      if (ArrayAttr attributes = function.getArgAttrsAttr())
        gpuFunction.setArgAttrsAttr(attributes);
      Region &body = gpuFunction.getBody();
      body.takeBody(function.getBody());
      body.walk([](func::ReturnOp op) {
        OpBuilder at(op);
        gpu::ReturnOp::create(at, op.getLoc());
        op.erase();
      });
      function.erase();
    }
    kernels.erase();
  }

  Option<int64_t> accessBytes{*this, "access-bytes", llvm::cl::desc("the widest access of a thread"),
                              llvm::cl::init(16)};
};

} // namespace

std::unique_ptr<Pass> createKernelsToGpuPass(int64_t accessBytes) {
  return std::make_unique<KernelsToGpuPass>(accessBytes);
}

} // namespace faro::compiler
