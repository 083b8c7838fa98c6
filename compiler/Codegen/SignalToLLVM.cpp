#include "compiler/Codegen/SignalToLLVM.h"

#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace faro::compiler {
namespace {

using namespace mlir;

constexpr unsigned WordBytes = 8;

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

struct PollLowering : ConvertOpToLLVMPattern<xfer::PollOp> {
  PollLowering(const LLVMTypeConverter &converter, bool cuda) : ConvertOpToLLVMPattern(converter), cuda(cuda) {}
  LogicalResult matchAndRewrite(xfer::PollOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    // A core that polls leaves its other thread the units.
    if (!cuda)
      LLVM::CallIntrinsicOp::create(rewriter, loc, rewriter.getStringAttr("llvm.x86.sse2.pause"), ValueRange());
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    // ld.acquire.sys in PTX.
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, rewriter.getI64Type(), address, WordBytes, /*isVolatile=*/false,
                                              /*isNonTemporal=*/false, /*isInvariant=*/false,
                                              /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire);
    return success();
  }
  bool cuda;
};

struct ClockLowering : ConvertOpToLLVMPattern<xfer::ClockOp> {
  ClockLowering(const LLVMTypeConverter &converter, bool cuda) : ConvertOpToLLVMPattern(converter), cuda(cuda) {}
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
  bool cuda;
};

} // namespace

void populateSignalToLLVM(LLVMTypeConverter &converter, RewritePatternSet &patterns, bool cuda) {
  patterns.add<SignalLowering>(converter);
  patterns.add<PollLowering, ClockLowering>(converter, cuda);
}

} // namespace faro::compiler
