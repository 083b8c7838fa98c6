#include "compiler/Codegen/SignalToLLVM.h"

#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace faro::compiler {
namespace {

using namespace mlir;

constexpr unsigned WordBytes = 8;

/// Of what a CPU and a device do each in its way.
template <typename Op> struct ByTarget : ConvertOpToLLVMPattern<Op> {
  ByTarget(const LLVMTypeConverter &converter, bool cuda) : ConvertOpToLLVMPattern<Op>(converter), cuda(cuda) {}
  const bool cuda;
};

/// A core that waits leaves its other thread the units.
void pause(ConversionPatternRewriter &rewriter, Location loc) {
  LLVM::CallIntrinsicOp::create(rewriter, loc, rewriter.getStringAttr("llvm.x86.sse2.pause"), ValueRange());
}

struct SignalLowering : ConvertOpToLLVMPattern<xfer::SignalOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::SignalOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    Value address = addressOf(rewriter, op.getLoc(), adaptor.getBase(), adaptor.getOffset());
    // Release, and of the whole system (no syncscope): who polls may be another device. st.release.sys in PTX.
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, adaptor.getValue(), address, WordBytes, /*isVolatile=*/false,
                                               /*isNonTemporal=*/false, /*isInvariantGroup=*/false,
                                               LLVM::AtomicOrdering::release);
    return success();
  }
};

struct PollLowering : ByTarget<xfer::PollOp> {
  using ByTarget::ByTarget;
  LogicalResult matchAndRewrite(xfer::PollOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    if (!cuda)
      pause(rewriter, loc);
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    // ld.acquire.sys in PTX.
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, rewriter.getI64Type(), address, WordBytes, /*isVolatile=*/false,
                                              /*isNonTemporal=*/false, /*isInvariant=*/false,
                                              /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire);
    return success();
  }
};

struct ClockLowering : ByTarget<xfer::ClockOp> {
  using ByTarget::ByTarget;
  LogicalResult matchAndRewrite(xfer::ClockOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    const char *name = cuda ? "llvm.nvvm.read.ptx.sreg.globaltimer" : "llvm.readcyclecounter";
    Value now =
        LLVM::CallIntrinsicOp::create(rewriter, loc, rewriter.getI64Type(), rewriter.getStringAttr(name), ValueRange())
            .getResult(0);
    // Four ticks a nanosecond: processors of 2 to 5 GHz are at most a half too impatient or too patient by one.
    if (!cuda)
      now = LLVM::LShrOp::create(rewriter, loc, now,
                                 LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(2)));
    rewriter.replaceOp(op, now);
    return success();
  }
};

struct RestLowering : ByTarget<xfer::RestOp> {
  using ByTarget::ByTarget;
  LogicalResult matchAndRewrite(xfer::RestOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    constexpr int32_t Nanoseconds = 200;
    const Location loc = op.getLoc();
    if (cuda)
      LLVM::CallIntrinsicOp::create(
          rewriter, loc, rewriter.getStringAttr("llvm.nvvm.nanosleep"),
          LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(Nanoseconds)).getResult());
    else
      pause(rewriter, loc);
    rewriter.eraseOp(op);
    return success();
  }
};

/// On a CPU a block is one thread.
struct LeaderLowering : ByTarget<xfer::LeaderOp> {
  using ByTarget::ByTarget;
  LogicalResult matchAndRewrite(xfer::LeaderOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    if (!cuda) {
      rewriter.replaceOpWithNewOp<LLVM::ConstantOp>(op, rewriter.getBoolAttr(true));
      return success();
    }
    Value thread = LLVM::CallIntrinsicOp::create(rewriter, loc, rewriter.getI32Type(),
                                                 rewriter.getStringAttr("llvm.nvvm.read.ptx.sreg.tid.x"), ValueRange())
                       .getResult(0);
    Value zero = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0));
    rewriter.replaceOpWithNewOp<LLVM::ICmpOp>(op, LLVM::ICmpPredicate::eq, thread, zero);
    return success();
  }
};

struct AgreeLowering : ByTarget<xfer::AgreeOp> {
  using ByTarget::ByTarget;
  LogicalResult matchAndRewrite(xfer::AgreeOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    if (!cuda) {
      rewriter.replaceOp(op, adaptor.getOne());
      return success();
    }
    // bar.red.or: a barrier and what it is asked in one. It orders the block's accesses; a signal behind it is
    // cumulative.
    Value barrier = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0));
    auto call = LLVM::CallIntrinsicOp::create(rewriter, loc, rewriter.getI1Type(),
                                              rewriter.getStringAttr("llvm.nvvm.barrier.cta.red.or.aligned.all"),
                                              ValueRange{barrier, adaptor.getOne()});
    rewriter.replaceOp(op, call.getResult(0));
    return success();
  }
};

} // namespace

void populateSignalToLLVM(LLVMTypeConverter &converter, RewritePatternSet &patterns, bool cuda) {
  patterns.add<SignalLowering>(converter);
  patterns.add<PollLowering, ClockLowering, RestLowering, LeaderLowering, AgreeLowering>(converter, cuda);
}

} // namespace faro::compiler
