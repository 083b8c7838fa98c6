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
  PrefetchLowering(const LLVMTypeConverter &converter, const KeptPrefetches &kept)
      : ConvertOpToLLVMPattern(converter), kept(kept) {}
  LogicalResult matchAndRewrite(xfer::PrefetchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    if (keeps(op.getReach())) {
      // prefetchT0, into the first cache, but for what has to wait for its turn longer than it would stay there:
      // prefetchT1, into the second. (T1 for what is near was half as fast on Zen 5.)
      const uint32_t hint = op.getReach() == xfer::Reach::Far ? 2 : 3;
      Value address = addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getOffset());
      LLVM::Prefetch::create(rewriter, op.getLoc(), address, /*rw=*/0, hint, /*cache=*/1);
    }
    rewriter.eraseOp(op);
    return success();
  }

  bool keeps(xfer::Reach reach) const {
    switch (reach) {
    case xfer::Reach::Near:
      return kept.near;
    case xfer::Reach::Far:
      return kept.far;
    case xfer::Reach::Page:
      return kept.page;
    case xfer::Reach::InOrder:
      return kept.inOrder;
    }
    return false;
  }
  KeptPrefetches kept;
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

} // namespace

void populateLeafToLLVM(LLVMTypeConverter &converter, RewritePatternSet &patterns, const LeafTarget &target) {
  converter.addConversion([space = target.addressSpace](xfer::AddrType type) -> Type {
    return LLVM::LLVMPointerType::get(type.getContext(), space);
  });
  patterns.add<CastLowering, OffsetLowering, LoadLowering, StoreLowering>(converter);
  patterns.add<PrefetchLowering>(converter, target.prefetches);
  patterns.add<FenceLowering>(converter, target.x86Fence);
}

} // namespace faro::compiler
