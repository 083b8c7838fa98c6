// Verifiers of dispatch (D1..D3) and combine (C1..C6).
#include "dialect/Faro/FaroDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace faro::ir;

bool faro::ir::isSummable(Type element) { return element.isBF16() || element.isF16() || element.isF32(); }

static LogicalResult checkSameRow(Operation *op, TokensType from, TokensType to) {
  // /*dispatch_d1*/ /*combine_c1*/
  if (!from.hasSameRow(to))
    return op->emitOpError() << "expects the same row on both sides, found " << from.getRowText() << " and "
                             << to.getRowText();
  return success();
}

static LogicalResult checkTokenMajor(Operation *op, StringRef side, TokensType type) {
  // /*dispatch_d2*/ /*combine_c3*/
  if (!type.isTokenMajor())
    return op->emitOpError() << "expects a token-major " << side << ", found " << type.getLayout();
  return success();
}

static LogicalResult checkNotTokenMajor(Operation *op, StringRef side, TokensType type) {
  // /*dispatch_d3*/ /*combine_c2*/
  if (type.isTokenMajor())
    return op->emitOpError() << "expects a layout with an order on its " << side
                             << ", found a token-major one, which has one row a token and not one an item";
  return success();
}

LogicalResult DispatchOp::verify() {
  const TokensType from = getTokens().getType(), to = getExperts().getType();
  if (failed(checkSameRow(*this, from, to)) || failed(checkTokenMajor(*this, "operand", from)) ||
      failed(checkNotTokenMajor(*this, "result", to)))
    return failure();
  return success();
}

LogicalResult CombineOp::verify() {
  const TokensType from = getExperts().getType(), to = getTokens().getType();
  if (failed(checkSameRow(*this, from, to)) || failed(checkNotTokenMajor(*this, "operand", from)) ||
      failed(checkTokenMajor(*this, "result", to)))
    return failure();
  // /*combine_c4*/
  if (to.getPlanes().size() != 1)
    return emitOpError() << "expects a row of a single plane, found " << to.getRowText();
  // /*combine_c5*/
  const Type element = to.getPlanes().front().element;
  if (!isSummable(element))
    return emitOpError() << "expects an element that can be summed (bf16, f16 or f32), found " << element;
  // /*combine_c6*/
  if (std::optional<Type> partial = getPartial(); partial && *partial != element && !partial->isF32())
    return emitOpError() << "expects partial sums of the row's element " << element << " or of f32, found " << *partial;
  return success();
}

#define GET_OP_CLASSES
#include "dialect/Faro/FaroOps.cpp.inc"
