// xfer-emit-kernels: writes the kernels that a schedule names.
//
//   xfer.push %plan ... kernel(@dispatch_push) streaming(@dispatch_push_streaming)
//
// becomes the same stage and, in `module @kernels`, the functions @dispatch_push and @dispatch_push_streaming for the
// program's row. A function that is already there is somebody's own kernel, and is kept.
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Codegen/ProgramRow.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <bit>

namespace faro::compiler {
namespace {

using namespace mlir;

/// What a kernel was written as, to tell two users of one name apart.
struct Emitted {
  bool isPush = false;
  KernelShape shape;
};

bool sameKernel(const Emitted &a, const Emitted &b) {
  return a.isPush == b.isPush && a.shape.element == b.shape.element && a.shape.bytes == b.shape.bytes &&
         a.shape.stride == b.shape.stride && a.shape.topk == b.shape.topk && a.shape.streaming == b.shape.streaming;
}

class EmitKernelsPass : public PassWrapper<EmitKernelsPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitKernelsPass)
  EmitKernelsPass() = default;
  EmitKernelsPass(const EmitKernelsPass &other) : PassWrapper(other) {}
  explicit EmitKernelsPass(const EmitKernelsOptions &options) {
    tile = options.tile;
    vector = options.vector;
    sourceAlignment = options.sourceAlignment;
    prefetch = options.prefetch;
  }

  StringRef getArgument() const final { return "xfer-emit-kernels"; }
  StringRef getDescription() const final { return "write the kernels that a schedule names"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect, scf::SCFDialect,
                    vector::VectorDialect, xfer::XferDialect>();
  }

  void runOnOperation() final {
    const EmitKernelsOptions options{tile, vector, sourceAlignment, prefetch};
    if (failed(checkOptions(options)))
      return signalPassFailure();
    emitted.clear();
    ModuleOp module = getOperation();
    WalkResult result = module.walk([&](Operation *stage) {
      if (auto push = dyn_cast<xfer::PushOp>(stage))
        return emitFor(stage, push.getKernel(), push.getStreaming(), /*isPush=*/true, options);
      if (auto pull = dyn_cast<xfer::PullOp>(stage))
        return emitFor(stage, pull.getKernel(), pull.getStreaming(), /*isPush=*/false, options);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult checkOptions(const EmitKernelsOptions &options) {
    const auto power = [](int64_t value) { return value > 0 && std::has_single_bit(uint64_t(value)); };
    if (!power(options.vector) || options.vector < 16 || options.vector > 64 || !power(options.tile) ||
        options.tile < options.vector || !power(options.sourceAlignment) || options.prefetch < 0)
      return getOperation().emitError()
             << "xfer-emit-kernels: expects powers of two, 16 <= vector <= 64 and tile >= vector, found tile = "
             << options.tile << ", vector = " << options.vector << ", source-alignment = " << options.sourceAlignment;
    return success();
  }

  ModuleOp kernelsModule() {
    ModuleOp module = getOperation();
    if (auto found = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName))
      return found;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    return ModuleOp::create(builder, module.getLoc(), xfer::XferDialect::KernelsModuleName);
  }

  WalkResult emitFor(Operation *stage, StringRef plain, std::optional<StringRef> streaming, bool isPush,
                     const EmitKernelsOptions &options) {
    auto program = stage->getParentOfType<xfer::ProgramOp>();
    FailureOr<faro_abi_row> row = rowOf(program);
    if (failed(row))
      return WalkResult::interrupt();
    Emitted kernel{isPush,
                   {row->element, int64_t(row->bytes), int64_t(row->stride),
                    uint32_t(program.getRoutesType().getTopk()),
                    /*streaming=*/false}};
    if (failed(emitOne(stage, plain, kernel, options)))
      return WalkResult::interrupt();
    kernel.shape.streaming = true;
    if (streaming && failed(emitOne(stage, *streaming, kernel, options)))
      return WalkResult::interrupt();
    return WalkResult::advance();
  }

  LogicalResult emitOne(Operation *stage, StringRef name, const Emitted &kernel, const EmitKernelsOptions &options) {
    if (auto known = emitted.find(name); known != emitted.end()) {
      if (sameKernel(known->second, kernel))
        return success();
      return stage->emitError() << "kernel @" << name << " is also named by a stage that needs another one; "
                                << "give them different names";
    }
    ModuleOp kernels = kernelsModule();
    if (Operation *own = kernels.lookupSymbol(name))
      return checkOwnKernel(stage, own, kernel);
    OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
    func::FuncOp function = kernel.isPush ? emitPush(builder, stage->getLoc(), name, kernel.shape, options)
                                          : emitPull(builder, stage->getLoc(), name, kernel.shape, options);
    function->setAttr(xfer::XferDialect::KernelAttrName, builder.getUnitAttr());
    markReadOnly(function, kernel.isPush);
    emitted.try_emplace(name, kernel);
    return success();
  }

  /// A kernel of the input must have the type that the engine will call it with.
  LogicalResult checkOwnKernel(Operation *stage, Operation *own, const Emitted &kernel) {
    Type addr = xfer::AddrType::get(&getContext()), i64 = IntegerType::get(&getContext(), 64);
    const auto type = kernel.isPush ? FunctionType::get(&getContext(), {addr, i64, addr, addr, i64, i64}, {})
                                    : FunctionType::get(&getContext(), {addr, i64, addr, addr, addr, i64, i64}, {});
    auto function = dyn_cast<func::FuncOp>(own);
    if (function && function.getFunctionType() == type && !function.isExternal() &&
        function->hasAttr(xfer::XferDialect::KernelAttrName))
      return success();
    InFlightDiagnostic error = own->emitError()
                               << "expects a function with a body, the attribute xfer.kernel and the type " << type;
    error.attachNote(stage->getLoc()) << "named as a kernel here";
    return error;
  }

  /// Nothing a kernel reads through its arguments is written by it: CUDA takes the read-only path for such loads.
  void markReadOnly(func::FuncOp function, bool isPush) {
    Builder builder(&getContext());
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      if (!isa<xfer::AddrType>(function.getArgument(index).getType()))
        continue;
      const bool isOutput = !isPush && index == 0;
      function.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
      if (!isOutput)
        function.setArgAttr(index, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
    }
  }

  Option<int64_t> tile{*this, "tile", llvm::cl::desc("bytes of a row that a push holds in registers"),
                       llvm::cl::init(512)};
  Option<int64_t> vector{*this, "vector", llvm::cl::desc("bytes of one load or store"), llvm::cl::init(64)};
  Option<int64_t> sourceAlignment{*this, "source-alignment",
                                  llvm::cl::desc("what rows that are read are a multiple of, in bytes"),
                                  llvm::cl::init(1)};
  Option<int64_t> prefetch{*this, "prefetch", llvm::cl::desc("how many bytes of its rows a pull asks for ahead"),
                           llvm::cl::init(8192)};
  llvm::StringMap<Emitted> emitted;
};

} // namespace

std::unique_ptr<Pass> createEmitKernelsPass(const EmitKernelsOptions &options) {
  return std::make_unique<EmitKernelsPass>(options);
}

} // namespace faro::compiler
