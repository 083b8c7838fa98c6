#include "compiler/Codegen/Numeric.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace faro::compiler {

using namespace mlir;

namespace {
constexpr int64_t UpperHalf = 0xffff0000;
}

VectorType Numeric::loadType(int64_t bytes) {
  if (kind == FARO_ABI_F32 || inPairs(bytes))
    return kernel.vectorOf(bytes / 4, kernel.i(32));
  return kernel.vectorOf(bytes / 2, kernel.i(16));
}

int64_t Numeric::parts(int64_t bytes) const { return inPairs(bytes) ? 2 : 1; }

VectorType Numeric::partType(int64_t bytes) {
  return kernel.vectorOf(loadType(bytes).getNumElements(), kernel.builder.getF32Type());
}

Value Numeric::splat(VectorType type, int64_t value) {
  const unsigned bits = type.getElementTypeBitWidth();
  return kernel.constant(
      DenseElementsAttr::get(type, llvm::APInt(bits, uint64_t(value), /*isSigned=*/false, /*implicitTrunc=*/true)));
}

SmallVector<Value> Numeric::widen(Value loaded, int64_t bytes) {
  OpBuilder &b = kernel.builder;
  const Location loc = kernel.loc;
  const VectorType floats = partType(bytes);
  const VectorType words = kernel.vectorOf(floats.getNumElements(), kernel.i(32));
  const auto asFloat = [&](Value bits) -> Value { return arith::BitcastOp::create(b, loc, floats, bits); };
  switch (kind) {
  case FARO_ABI_F32:
    return {asFloat(loaded)};
  case FARO_ABI_F16: {
    Value halves = arith::BitcastOp::create(b, loc, kernel.vectorOf(floats.getNumElements(), b.getF16Type()), loaded);
    return {arith::ExtFOp::create(b, loc, floats, halves)};
  }
  default: // bf16 is the upper half of an f32.
    if (inPairs(bytes))
      return {asFloat(arith::ShLIOp::create(b, loc, loaded, splat(words, 16))),
              asFloat(arith::AndIOp::create(b, loc, loaded, splat(words, UpperHalf)))};
    Value wide = arith::ExtUIOp::create(b, loc, words, loaded);
    return {asFloat(arith::ShLIOp::create(b, loc, wide, splat(words, 16)))};
  }
}

Value Numeric::canonical(Value f32, Value bits, int64_t quietNaN) {
  Value isNaN = arith::CmpFOp::create(kernel.builder, kernel.loc, arith::CmpFPredicate::UNO, f32, f32);
  return arith::SelectOp::create(kernel.builder, kernel.loc, isNaN, splat(cast<VectorType>(bits.getType()), quietNaN),
                                 bits);
}

/// bf16 in the upper half of each word; the lower half is of no meaning. In integers, because arith.truncf becomes
/// vcvtneps2bf16 where there is one, which flushes denormals, and a call to a library where there is none.
Value Numeric::roundToUpperHalf(Value f32) {
  OpBuilder &b = kernel.builder;
  const Location loc = kernel.loc;
  const VectorType words = kernel.vectorOf(cast<VectorType>(f32.getType()).getNumElements(), kernel.i(32));
  Value bits = arith::BitcastOp::create(b, loc, words, f32);
  Value odd = arith::AndIOp::create(b, loc, arith::ShRUIOp::create(b, loc, bits, splat(words, 16)), splat(words, 1));
  Value half = arith::AddIOp::create(b, loc, odd, splat(words, 0x7fff));
  return canonical(f32, arith::AddIOp::create(b, loc, bits, half), 0x7fc00000);
}

Value Numeric::narrow(ValueRange sums, int64_t bytes) {
  OpBuilder &b = kernel.builder;
  const Location loc = kernel.loc;
  const int64_t lanes = partType(bytes).getNumElements();
  const VectorType words = kernel.vectorOf(lanes, kernel.i(32)), halves = kernel.vectorOf(lanes, kernel.i(16));
  switch (kind) {
  case FARO_ABI_F32:
    return canonical(sums[0], arith::BitcastOp::create(b, loc, words, sums[0]), 0x7fc00000);
  case FARO_ABI_F16: {
    Value rounded = arith::TruncFOp::create(b, loc, kernel.vectorOf(lanes, b.getF16Type()), sums[0]);
    return canonical(sums[0], arith::BitcastOp::create(b, loc, halves, rounded), 0x7e00);
  }
  default:
    Value even = arith::ShRUIOp::create(b, loc, roundToUpperHalf(sums[0]), splat(words, 16));
    if (!inPairs(bytes))
      return arith::TruncIOp::create(b, loc, halves, even);
    Value odd = arith::AndIOp::create(b, loc, roundToUpperHalf(sums[1]), splat(words, UpperHalf));
    return arith::OrIOp::create(b, loc, even, odd);
  }
}

} // namespace faro::compiler
