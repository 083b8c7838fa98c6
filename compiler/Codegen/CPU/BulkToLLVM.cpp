// Bulk copies where there is no engine for them: at once, in line, for a kernel calls nobody. The staging memory is on
// the stack, and nothing is waited for.
#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <type_traits>

namespace faro::compiler {
namespace {

using namespace mlir;

Value number(ConversionPatternRewriter &rewriter, Location loc, int64_t value) {
  return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(value));
}

struct BlockLowering : ConvertOpToLLVMPattern<xfer::BlockOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::BlockOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const Location loc = op.getLoc();
    rewriter.replaceOp(op, {number(rewriter, loc, 0), number(rewriter, loc, 1)});
    return success();
  }
};

struct StagingLowering : ConvertOpToLLVMPattern<xfer::StagingOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(xfer::StagingOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const final {
    const xfer::StagingType type = op.getType();
    const Location loc = op.getLoc();
    Value bytes = number(rewriter, loc, type.getSlots() * type.getStride());
    Value memory = LLVM::AllocaOp::create(rewriter, loc, LLVM::LLVMPointerType::get(getContext()), rewriter.getI8Type(),
                                          bytes, /*alignment=*/64);
    Value zero = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI8IntegerAttr(0));
    const int64_t behind = type.getStride() - type.getBytes();
    for (int64_t slot = 0; behind > 0 && slot < type.getSlots(); ++slot) {
      Value at = number(rewriter, loc, slot * type.getStride() + type.getBytes());
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
    Value at = LLVM::MulOp::create(rewriter, loc, adaptor.getSlot(), number(rewriter, loc, type.getStride()));
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

} // namespace faro::compiler
