#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace faro::compiler {

using namespace mlir;

Value addressOf(RewriterBase &rewriter, Location loc, Value base, Value offset) {
  return LLVM::GEPOp::create(rewriter, loc, base.getType(), rewriter.getI8Type(), base, ArrayRef<LLVM::GEPArg>{offset});
}

namespace {

struct CastLowering : ConvertOpToLLVMPattern<xfer::CastOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::CastOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    Type type = getTypeConverter()->convertType(op.getType());
    if (isa<LLVM::LLVMPointerType>(type))
      rewriter.replaceOpWithNewOp<LLVM::IntToPtrOp>(op, type, adaptor.getValue());
    else
      rewriter.replaceOpWithNewOp<LLVM::PtrToIntOp>(op, type, adaptor.getValue());
    return success();
  }
};

struct OffsetLowering : ConvertOpToLLVMPattern<xfer::OffsetOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::OffsetOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOp(op, addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getBytes()));
    return success();
  }
};

struct LoadLowering : ConvertOpToLLVMPattern<xfer::LoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    Value address = addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getOffset());
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, op.getType(), address, unsigned(op.getAlignment()));
    return success();
  }
};

struct StoreLowering : ConvertOpToLLVMPattern<xfer::StoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    Value address = addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getOffset());
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, adaptor.getValue(), address, unsigned(op.getAlignment()),
                                               /*isVolatile=*/false, /*isNonTemporal=*/op.getStreaming());
    return success();
  }
};

struct PrefetchLowering : ConvertOpToLLVMPattern<xfer::PrefetchOp> {
  PrefetchLowering(const LLVMTypeConverter &converter, bool keep) : ConvertOpToLLVMPattern(converter), keep(keep) {}
  LogicalResult matchAndRewrite(xfer::PrefetchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    if (keep) {
      // prefetchT0: a kernel asks for what it will load a microsecond from now, so the first cache is the place. T1 at
      // this distance was half as fast on Zen 5.
      Value address = addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getOffset());
      LLVM::Prefetch::create(rewriter, op.getLoc(), address, /*rw=*/0, /*hint=*/3, /*cache=*/1);
    }
    rewriter.eraseOp(op);
    return success();
  }
  bool keep;
};

struct FenceLowering : ConvertOpToLLVMPattern<xfer::FenceOp> {
  FenceLowering(const LLVMTypeConverter &converter, bool x86) : ConvertOpToLLVMPattern(converter), x86(x86) {}
  LogicalResult matchAndRewrite(xfer::FenceOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    if (x86)
      // x86 orders plain stores by itself, and non-temporal ones by this alone.
      LLVM::CallIntrinsicOp::create(rewriter, op.getLoc(), rewriter.getStringAttr("llvm.x86.sse.sfence"), ValueRange());
    else
      LLVM::FenceOp::create(rewriter, op.getLoc(), LLVM::AtomicOrdering::acq_rel, /*syncscope=*/"");
    rewriter.eraseOp(op);
    return success();
  }
  bool x86;
};

//===------------------------------------------------- bulk copies, at once ---===//

struct BlockLowering : ConvertOpToLLVMPattern<xfer::BlockOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BlockOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const auto number = [&](int64_t value) -> Value {
      return LLVM::ConstantOp::create(rewriter, op.getLoc(), rewriter.getI64IntegerAttr(value));
    };
    rewriter.replaceOp(op, {number(0), number(1)});
    return success();
  }
};

struct StagingLowering : ConvertOpToLLVMPattern<xfer::StagingOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::StagingOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const xfer::StagingType type = op.getType();
    const Location loc = op.getLoc();
    Value bytes =
        LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(type.getSlots() * type.getStride()));
    Value memory = LLVM::AllocaOp::create(rewriter, loc, LLVM::LLVMPointerType::get(getContext()), rewriter.getI8Type(),
                                          bytes, /*alignment=*/64);
    Value zero = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI8IntegerAttr(0));
    // In line, as below: a kernel calls nobody.
    const int64_t behind = type.getStride() - type.getBytes();
    for (int64_t slot = 0; behind > 0 && slot < type.getSlots(); ++slot) {
      Value at = LLVM::ConstantOp::create(rewriter, loc,
                                          rewriter.getI64IntegerAttr(slot * type.getStride() + type.getBytes()));
      LLVM::MemsetInlineOp::create(rewriter, loc, addressOf(rewriter, loc, memory, at), zero,
                                   rewriter.getI64IntegerAttr(behind), /*isVolatile=*/false);
    }
    rewriter.replaceOp(op, memory);
    return success();
  }
};

template <typename Copy> struct BulkCopyLowering : ConvertOpToLLVMPattern<Copy> {
  using ConvertOpToLLVMPattern<Copy>::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(Copy op, typename Copy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    constexpr bool IsLoad = std::is_same_v<Copy, xfer::BulkLoadOp>;
    const xfer::StagingType type = op.getStaging().getType();
    const Location loc = op.getLoc();
    const auto number = [&](int64_t value) -> Value {
      return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(value));
    };
    Value at = LLVM::MulOp::create(rewriter, loc, adaptor.getSlot(), number(type.getStride()));
    Value slot = addressOf(rewriter, loc, adaptor.getStaging(), at), other = adaptor.getAddress();
    LLVM::MemcpyInlineOp::create(rewriter, loc, IsLoad ? slot : other, IsLoad ? other : slot,
                                 rewriter.getI64IntegerAttr(IsLoad ? type.getBytes() : type.getStride()),
                                 /*isVolatile=*/false);
    rewriter.eraseOp(op);
    return success();
  }
};

template <typename Wait> struct NoWait : ConvertOpToLLVMPattern<Wait> {
  using ConvertOpToLLVMPattern<Wait>::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(Wait op, typename Wait::Adaptor, ConversionPatternRewriter &rewriter) const final {
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateBulkToLLVM(LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  converter.addConversion([](xfer::StagingType type) -> Type { return LLVM::LLVMPointerType::get(type.getContext()); });
  patterns.add<BlockLowering, StagingLowering, BulkCopyLowering<xfer::BulkLoadOp>, BulkCopyLowering<xfer::BulkStoreOp>,
               NoWait<xfer::BulkAwaitOp>, NoWait<xfer::BulkCommitOp>, NoWait<xfer::BulkDrainOp>>(converter);
}

void populateLeafToLLVM(LLVMTypeConverter &converter, RewritePatternSet &patterns, const LeafTarget &target) {
  converter.addConversion([space = target.addressSpace](xfer::AddrType type) -> Type {
    return LLVM::LLVMPointerType::get(type.getContext(), space);
  });
  patterns.add<CastLowering, OffsetLowering, LoadLowering, StoreLowering>(converter);
  patterns.add<PrefetchLowering>(converter, target.prefetches);
  patterns.add<FenceLowering>(converter, target.x86Fence);
}

} // namespace faro::compiler
