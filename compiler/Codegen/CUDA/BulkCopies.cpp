// A staging memory is shared memory: its slots, and behind them a word (mbarrier) for each, by which a load is awaited.
//
//   bulk_load    cp.async.bulk.shared::cluster.global, which tells the slot's mbarrier how many bytes have come
//   bulk_await   mbarrier.try_wait.parity, until all of them have
//   bulk_store   cp.async.bulk.global.shared::cta; commit and drain are its groups
//
// The copies read and write through a proxy of their own: what the thread itself stored to a slot (zeros behind the
// rows) is made known to it by fence.proxy.async.
#include "compiler/Codegen/CUDA/BulkCopies.h"

#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace faro::compiler {

using namespace mlir;

LLVM::InlineAsmOp ptx(RewriterBase &rewriter, Location loc, TypeRange results, ValueRange operands, const Twine &code,
                      StringRef constraints, bool hasSideEffects) {
  return LLVM::InlineAsmOp::create(rewriter, loc, results, operands, code.str(), constraints, hasSideEffects,
                                   /*is_align_stack=*/false, LLVM::TailCallKind::None, LLVM::AsmDialectAttr(),
                                   ArrayAttr());
}

namespace {

constexpr unsigned SharedMemory = 3;
constexpr StringLiteral Place = "place"; // of a staging memory: the symbol of its shared memory

/// The words of the loads lie behind the slots.
int64_t wordsAt(xfer::StagingType type) { return type.getSlots() * type.getSlotBytes(); }

/// Addresses of shared memory have 32 bits.
Value shared(RewriterBase &rewriter, Location loc, Value memory) {
  return LLVM::PtrToIntOp::create(rewriter, loc, rewriter.getI32Type(), memory);
}
/// base + first + slot x stride
Value sharedAt(RewriterBase &rewriter, Location loc, Value memory, int64_t first, Value slot, int64_t stride) {
  const auto number = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(value));
  };
  Value at =
      LLVM::AddOp::create(rewriter, loc, number(first), LLVM::MulOp::create(rewriter, loc, slot, number(stride)));
  return shared(rewriter, loc, addressOf(rewriter, loc, memory, at));
}

/// A slot that an operation names, and the word by which its load is awaited.
template <typename Op> Value slotOf(RewriterBase &rewriter, Op op, typename Op::Adaptor adaptor) {
  return sharedAt(rewriter, op.getLoc(), adaptor.getStaging(), 0, adaptor.getSlot(),
                  op.getStaging().getType().getSlotBytes());
}
template <typename Op> Value wordOf(RewriterBase &rewriter, Op op, typename Op::Adaptor adaptor) {
  return sharedAt(rewriter, op.getLoc(), adaptor.getStaging(), wordsAt(op.getStaging().getType()), adaptor.getSlot(),
                  xfer::StagingType::WordBytes);
}

struct StagingToShared : ConvertOpToLLVMPattern<xfer::StagingOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::StagingOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const xfer::StagingType type = op.getType();
    const Location loc = op.getLoc();
    Value memory = LLVM::AddressOfOp::create(rewriter, loc, LLVM::LLVMPointerType::get(getContext(), SharedMemory),
                                             op->getAttrOfType<FlatSymbolRefAttr>(Place).getValue());
    Value base = shared(rewriter, loc, memory);
    std::string code;
    for (int64_t slot = 0; slot < type.getSlots(); ++slot) {
      code += "mbarrier.init.shared::cta.b64 [$0 + " +
              llvm::itostr(wordsAt(type) + xfer::StagingType::WordBytes * slot) + "], 1;\n\t";
      for (int64_t at = type.getBytes(); at < type.getStride(); at += 4)
        code += "st.shared.b32 [$0 + " + llvm::itostr(slot * type.getSlotBytes() + at) + "], 0;\n\t";
    }
    ptx(rewriter, loc, TypeRange(), base, code + "fence.proxy.async.shared::cta;", "r,~{memory}");
    rewriter.replaceOp(op, memory);
    return success();
  }
};

struct BulkLoad : ConvertOpToLLVMPattern<xfer::BulkLoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BulkLoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    const xfer::StagingType type = op.getStaging().getType();
    const Location loc = op.getLoc();
    Value slot = slotOf(rewriter, op, adaptor);
    Value word = wordOf(rewriter, op, adaptor);
    const std::string bytes = llvm::itostr(type.getBytes());
    ptx(rewriter, loc, TypeRange(), {slot, adaptor.getAddress(), word},
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [$2], " + bytes +
            ";\n\tcp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1], " + bytes + ", [$2];",
        "r,l,r,~{memory}");
    rewriter.eraseOp(op);
    return success();
  }
};

struct BulkStore : ConvertOpToLLVMPattern<xfer::BulkStoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BulkStoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    const xfer::StagingType type = op.getStaging().getType();
    const Location loc = op.getLoc();
    Value slot = slotOf(rewriter, op, adaptor);
    ptx(rewriter, loc, TypeRange(), {adaptor.getAddress(), slot},
        "cp.async.bulk.global.shared::cta.bulk_group [$0], [$1], " + Twine(type.getStride()) + ";", "l,r,~{memory}");
    rewriter.eraseOp(op);
    return success();
  }
};

struct BulkAwait : ConvertOpToLLVMPattern<xfer::BulkAwaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BulkAwaitOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    Value word = wordOf(rewriter, op, adaptor);
    Value phase = LLVM::TruncOp::create(rewriter, loc, rewriter.getI32Type(), adaptor.getPhase());
    // The copy engine always answers, and a failed copy ends the kernel: no bound is needed.
    ptx(rewriter, loc, TypeRange(), {word, phase},
        "{\n\t.reg .pred there;\n\tawait_${:uid}:\n\tmbarrier.try_wait.parity.shared::cta.b64 there, [$0], $1;\n\t"
        "@!there bra await_${:uid};\n\t}",
        "r,r,~{memory}");
    rewriter.eraseOp(op);
    return success();
  }
};

struct BulkCommit : ConvertOpToLLVMPattern<xfer::BulkCommitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BulkCommitOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    ptx(rewriter, op.getLoc(), TypeRange(), {}, "cp.async.bulk.commit_group;", "~{memory}");
    rewriter.eraseOp(op);
    return success();
  }
};

struct BulkDrain : ConvertOpToLLVMPattern<xfer::BulkDrainOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BulkDrainOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    ptx(rewriter, op.getLoc(), TypeRange(), {},
        Twine("cp.async.bulk.wait_group") + (op.getWritten() ? " " : ".read ") + Twine(op.getLeft()) + ";",
        "~{memory}");
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

LogicalResult makeStagingMemory(ModuleOp kernels) {
  OpBuilder builder = OpBuilder::atBlockBegin(kernels.getBody());
  llvm::SmallPtrSet<Operation *, 8> users;
  WalkResult made = kernels.walk([&](xfer::StagingOp op) {
    const xfer::StagingType type = op.getType();
    auto function = op->getParentOfType<func::FuncOp>();
    if (!function || !users.insert(function).second) {
      op.emitOpError() << (function ? "is the second of its kernel; expected one" : "is in no kernel");
      return WalkResult::interrupt();
    }
    std::string name = (function.getName() + "_staging").str();
    while (kernels.lookupSymbol(name))
      name += '_'; // some kernel is called so
    auto bytes = LLVM::LLVMArrayType::get(builder.getI8Type(), uint64_t(type.getAllBytes()));
    LLVM::GlobalOp::create(builder, op.getLoc(), bytes, /*isConstant=*/false, LLVM::Linkage::Internal, name,
                           Attribute(),
                           /*alignment=*/xfer::StagingType::LineBytes, SharedMemory);
    op->setAttr(Place, FlatSymbolRefAttr::get(builder.getContext(), name));
    return WalkResult::advance();
  });
  return failure(made.wasInterrupted());
}

void populateBulkCopies(LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  converter.addConversion(
      [](xfer::StagingType type) -> Type { return LLVM::LLVMPointerType::get(type.getContext(), SharedMemory); });
  patterns.add<StagingToShared, BulkLoad, BulkStore, BulkAwait, BulkCommit, BulkDrain>(converter);
}

} // namespace faro::compiler
