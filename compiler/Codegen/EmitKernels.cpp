// xfer-emit-kernels: writes the kernels that a schedule names.
//
//   xfer.push %plan ... kernel(@dispatch_push) streaming(@dispatch_push_streaming)
//
// becomes the same stage and, in `module @kernels`, the functions @dispatch_push and @dispatch_push_streaming for the
// program's row. A function that is already there is somebody's own kernel, and is kept. Stages that need the same
// kernel share the one that was written first, whatever the others call it: what lands in a combine across nodes is
// pushed like the tokens of its dispatch.
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
  bool operator==(const Emitted &) const = default;
};

/// Which rows a stage's kernel reads, and of which element are those that it stores. `form`: the attribute that names
/// it.
FailureOr<Emitted> kernelOf(xfer::StageOpInterface stage, StringRef form) {
  auto program = stage->getParentOfType<xfer::ProgramOp>();
  const bool isPush = isa<xfer::PushOp, xfer::HandOp, xfer::GatherOp, xfer::FanOutOp>(stage.getOperation());
  FailureOr<faro_abi_row> row = rowOf(program), partial = row;
  if (program.hasPartials())
    partial = partialRowOf(program);
  if (failed(row) || failed(partial))
    return failure();
  // What arrives from another node in a combine are sums, and what is settled or pulled are sums of sums.
  const bool isShare = form == "share";
  const bool readsPartials =
      program.hasPartials() && !isShare && isa<xfer::FanOutOp, xfer::PullOp, xfer::SettleOp>(stage.getOperation());
  const faro_abi_row &read = readsPartials ? *partial : *row;
  Emitted kernel;
  kernel.isPush = isPush;
  kernel.shape.element = read.element;
  kernel.shape.bytes = int64_t(read.bytes);
  kernel.shape.stride = int64_t(read.stride);
  kernel.shape.topk = uint32_t(program.getRoutesType().getTopk());
  kernel.shape.streaming = form == "streaming";
  const bool storesPartials = isShare || isa<xfer::ReduceOp>(stage.getOperation());
  kernel.shape.stored = isPush ? read.element : storesPartials ? partial->element : row->element;
  return kernel;
}

class EmitKernelsPass : public PassWrapper<EmitKernelsPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitKernelsPass)
  EmitKernelsPass() = default;
  EmitKernelsPass(const EmitKernelsPass &other) : PassWrapper(other) {}
  explicit EmitKernelsPass(const EmitKernelsOptions &options) {
    tile = options.tile;
    block = options.block;
    vector = options.vector;
    fewRowsVector = options.fewRowsVector;
    rowAlignment = options.rowAlignment;
    prefetch = options.prefetch;
    streaming = options.streaming;
    bulk = options.bulk;
    resident = options.resident;
  }

  StringRef getArgument() const final { return "xfer-emit-kernels"; }
  StringRef getDescription() const final { return "write the kernels that a schedule names"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect, scf::SCFDialect,
                    vector::VectorDialect, xfer::XferDialect>();
  }

  void runOnOperation() final {
    const EmitKernelsOptions options{.tile = tile,
                                     .block = block,
                                     .vector = vector,
                                     .fewRowsVector = fewRowsVector,
                                     .rowAlignment = rowAlignment,
                                     .prefetch = prefetch,
                                     .streaming = streaming,
                                     .bulk = bulk,
                                     .resident = resident};
    if (failed(checkOptions(options)))
      return signalPassFailure();
    emitted.clear();
    ModuleOp module = getOperation();
    WalkResult result = module.walk([&](xfer::StageOpInterface stage) { return emitFor(stage, options); });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult checkOptions(const EmitKernelsOptions &options) {
    const auto power = [](int64_t value) { return value > 0 && std::has_single_bit(uint64_t(value)); };
    const auto access = [&](int64_t bytes) { return power(bytes) && bytes >= 16 && bytes <= 64; };
    if (!access(options.vector) || (options.fewRowsVector && !access(options.fewRowsVector)) || !power(options.tile) ||
        options.tile < options.vector || options.block < 0 || !power(options.rowAlignment) || options.prefetch < 0)
      return getOperation().emitError()
             << "xfer-emit-kernels: expects powers of two, 16 <= vector <= 64 and tile >= vector, and neither block "
             << "nor prefetch below 0, found tile = " << options.tile << ", block = " << options.block
             << ", vector = " << options.vector << ", few-rows-vector = " << options.fewRowsVector
             << ", row-alignment = " << options.rowAlignment << ", prefetch = " << options.prefetch;
    return success();
  }

  ModuleOp kernelsModule() {
    ModuleOp module = getOperation();
    if (auto found = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName))
      return found;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    return ModuleOp::create(builder, module.getLoc(), xfer::XferDialect::KernelsModuleName);
  }

  WalkResult emitFor(xfer::StageOpInterface stage, const EmitKernelsOptions &options) {
    for (const auto &[form, name] : stage.getKernelClauses()) {
      if (form == "streaming" && !options.streaming) {
        stage->removeAttr(form);
        continue;
      }
      FailureOr<Emitted> kernel = kernelOf(stage, form);
      if (failed(kernel) || failed(emitOne(stage, form, name.getValue(), *kernel, options)))
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  }

  LogicalResult emitOne(Operation *stage, StringRef form, StringRef name, const Emitted &kernel,
                        const EmitKernelsOptions &options) {
    if (auto known = emitted.find(name); known != emitted.end()) {
      if (known->second == kernel)
        return success();
      return stage->emitError() << "kernel @" << name << " is also named by a stage that needs another one; "
                                << "give them different names";
    }
    ModuleOp kernels = kernelsModule();
    if (Operation *own = kernels.lookupSymbol(name))
      return checkOwnKernel(own, kernel.isPush ? pushType(&getContext()) : pullType(&getContext()), stage);
    for (const auto &same : emitted)
      if (same.second == kernel) {
        stage->setAttr(form, FlatSymbolRefAttr::get(&getContext(), same.first()));
        return success();
      }
    OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
    if (!kernel.isPush)
      finish(emitPull(builder, stage->getLoc(), name, kernel.shape, options), /*isPush=*/false);
    else if (options.resident == KernelForm::Instead)
      finishResident(emitResidentPush(builder, stage->getLoc(), name, kernel.shape, options));
    else
      finish(emitPush(builder, stage->getLoc(), name, kernel.shape, options), /*isPush=*/true);
    if (options.bulk == KernelForm::Beside && kernel.isPush && bulkPartsOf(kernel.shape)) {
      EmitKernelsOptions byCopies = options;
      byCopies.bulk = KernelForm::Instead;
      finish(emitPush(builder, stage->getLoc(), (name + FARO_ABI_BULK_SUFFIX).str(), kernel.shape, byCopies),
             /*isPush=*/true);
    }
    if (options.resident == KernelForm::Beside && kernel.isPush)
      finishResident(
          emitResidentPush(builder, stage->getLoc(), (name + FARO_ABI_RESIDENT_SUFFIX).str(), kernel.shape, options));
    emitted.try_emplace(name, kernel);
    return success();
  }

  void markKernel(func::FuncOp function) {
    function->setAttr(xfer::XferDialect::KernelAttrName, UnitAttr::get(&getContext()));
  }
  void finish(func::FuncOp function, bool isPush) {
    markKernel(function);
    markReadOnly(function, isPush);
  }
  /// What it reads changes while it runs.
  void finishResident(func::FuncOp function) { markKernel(function); }

  static llvm::cl::ValuesClass forms() {
    return llvm::cl::values(clEnumValN(KernelForm::None, "none", "none"),
                            clEnumValN(KernelForm::Beside, "beside", "as kernels of their own, beside the others"),
                            clEnumValN(KernelForm::Instead, "instead", "instead of the others"));
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
  Option<int64_t> block{
      *this, "block", llvm::cl::desc("bytes that a push stores to one destination before the next; up to tile: a tile"),
      llvm::cl::init(0)};
  Option<int64_t> vector{*this, "vector", llvm::cl::desc("bytes of one load or store"), llvm::cl::init(64)};
  Option<int64_t> fewRowsVector{*this, "few-rows-vector",
                                llvm::cl::desc("the same of a pull of one row or two; 0: vector"), llvm::cl::init(0)};
  Option<int64_t> rowAlignment{
      *this, "row-alignment",
      llvm::cl::desc("what rows start at a multiple of, in bytes, as far as their size lets them"), llvm::cl::init(1)};
  Option<int64_t> prefetch{*this, "prefetch", llvm::cl::desc("how many bytes of its rows a pull asks for ahead"),
                           llvm::cl::init(8192)};
  Option<bool> streaming{*this, "streaming", llvm::cl::desc("whether there are kernels that store past the cache"),
                         llvm::cl::init(true)};
  Option<KernelForm> bulk{*this, "bulk", llvm::cl::desc("pushes by bulk copies"), llvm::cl::init(KernelForm::None),
                          forms()};
  Option<KernelForm> resident{*this, "resident",
                              llvm::cl::desc("pushes that wait for what they are to do while they run"),
                              llvm::cl::init(KernelForm::None), forms()};
  llvm::StringMap<Emitted> emitted;
};

} // namespace

std::unique_ptr<Pass> createEmitKernelsPass(const EmitKernelsOptions &options) {
  return std::make_unique<EmitKernelsPass>(options);
}

} // namespace faro::compiler
