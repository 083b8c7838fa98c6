// xfer-expand-f16: f16 <-> f32 in integer and f32 arithmetic, for processors without F16C. Without it LLVM calls a
// library that a closed module does not have.
//
// Both are exact to the bit, denormals, infinities and ties included (the widening is Fabian Giesen's, the rounding his
// float_to_half_fast3_rtne): the same numbers as vcvtph2ps and vcvtps2ph give, but for the payloads of NaNs, which the
// kernels make canonical.
#include "compiler/Codegen/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace faro::compiler {
namespace {

using namespace mlir;

Type withElement(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

/// Words of one shape.
struct Words {
  Words(PatternRewriter &rewriter, Location loc, Type shape)
      : rewriter(rewriter), loc(loc), i16(withElement(shape, rewriter.getIntegerType(16))),
        i32(withElement(shape, rewriter.getIntegerType(32))), f16(withElement(shape, rewriter.getF16Type())),
        f32(withElement(shape, rewriter.getF32Type())) {}

  Value constant(uint32_t value) {
    TypedAttr attribute = rewriter.getIntegerAttr(rewriter.getI32Type(), APInt(32, value));
    if (auto vector = dyn_cast<VectorType>(i32))
      attribute = DenseElementsAttr::get(vector, APInt(32, value));
    return arith::ConstantOp::create(rewriter, loc, attribute);
  }
  Value asFloat(Value bits) { return arith::BitcastOp::create(rewriter, loc, f32, bits); }
  Value asBits(Value number) { return arith::BitcastOp::create(rewriter, loc, i32, number); }
  template <class Op> Value make(Value a, Value b) { return Op::create(rewriter, loc, a, b); }
  Value less(Value a, Value b) { return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ult, a, b); }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(rewriter, loc, condition, a, b); }

  PatternRewriter &rewriter;
  Location loc;
  Type i16, i32, f16, f32;
};

struct Widen : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const final {
    if (!getElementTypeOrSelf(op.getIn()).isF16() || !getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Words w(rewriter, op.getLoc(), op.getType());
    Value half = arith::BitcastOp::create(rewriter, op.getLoc(), w.i16, op.getIn());
    Value bits = arith::ExtUIOp::create(rewriter, op.getLoc(), w.i32, half);
    Value magnitude = w.make<arith::ShLIOp>(w.make<arith::AndIOp>(bits, w.constant(0x7fff)), w.constant(13));
    // The exponent is 112 too small: one exact multiplication mends normal and denormal numbers alike.
    Value scaled = w.asBits(w.make<arith::MulFOp>(w.asFloat(magnitude), w.asFloat(w.constant((254 - 15) << 23))));
    // The largest exponent stands for infinity and NaN here as there.
    Value special = w.make<arith::OrIOp>(magnitude, w.constant(0x7f800000));
    Value finite = w.less(magnitude, w.constant(0x7c00u << 13));
    Value sign = w.make<arith::ShLIOp>(w.make<arith::AndIOp>(bits, w.constant(0x8000)), w.constant(16));
    rewriter.replaceOp(op, w.asFloat(w.make<arith::OrIOp>(w.select(finite, scaled, special), sign)));
    return success();
  }
};

struct Round : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const final {
    if (!getElementTypeOrSelf(op.getIn()).isF32() || !getElementTypeOrSelf(op.getType()).isF16())
      return failure();
    Words w(rewriter, op.getLoc(), op.getType());
    Value bits = w.asBits(op.getIn());
    Value sign = w.make<arith::ShRUIOp>(w.make<arith::AndIOp>(bits, w.constant(0x80000000)), w.constant(16));
    Value magnitude = w.make<arith::AndIOp>(bits, w.constant(0x7fffffff));
    // From 65536 on: infinity; NaN stays NaN. (65520 to 65536 round to infinity below, by carry.)
    Value isNaN = w.less(w.constant(0x7f800000), magnitude);
    Value special = w.select(isNaN, w.constant(0x7e00), w.constant(0x7c00));
    // Below 2^-14: adding 0.5 lines the bits up so that the f32 addition rounds where the denormal's last bit is.
    Value magic = w.constant(126u << 23);
    Value denormal =
        w.make<arith::SubIOp>(w.asBits(w.make<arith::AddFOp>(w.asFloat(magnitude), w.asFloat(magic))), magic);
    // Else: exponent less 112, rounded at bit 13.
    Value odd = w.make<arith::AndIOp>(w.make<arith::ShRUIOp>(magnitude, w.constant(13)), w.constant(1));
    Value biased = w.make<arith::AddIOp>(magnitude, w.constant((uint32_t(15 - 127) << 23) + 0xfff));
    Value normal = w.make<arith::ShRUIOp>(w.make<arith::AddIOp>(biased, odd), w.constant(13));
    Value isDenormal = w.less(magnitude, w.constant(113u << 23)), isFinite = w.less(magnitude, w.constant(143u << 23));
    Value result = w.select(isFinite, w.select(isDenormal, denormal, normal), special);
    Value half = arith::TruncIOp::create(rewriter, op.getLoc(), w.i16, w.make<arith::OrIOp>(result, sign));
    rewriter.replaceOp(op, arith::BitcastOp::create(rewriter, op.getLoc(), w.f16, half).getResult());
    return success();
  }
};

class ExpandF16Pass : public PassWrapper<ExpandF16Pass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandF16Pass)
  StringRef getArgument() const final { return "xfer-expand-f16"; }
  StringRef getDescription() const final { return "convert between f16 and f32 without F16C"; }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<Widen, Round>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createExpandF16Pass() { return std::make_unique<ExpandF16Pass>(); }

} // namespace faro::compiler
