// Leaf operations: verifiers (X1..X4) and folds.
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace faro::xfer;

LogicalResult StagingType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t slots, int64_t bytes,
                                  int64_t stride) {
  // /*staging_x4*/
  if (slots < 1 || bytes < 16 || bytes % 16 != 0 || stride % 16 != 0 || bytes > stride)
    return emitError()
           << "expects a slot at least, and multiples of 16 bytes that are loaded and stored of it, the former "
              "no more than the latter; found "
           << slots << " of " << bytes << " in " << stride;
  return success();
}

LogicalResult CastOp::verify() {
  // /*cast_x1*/
  if (isa<AddrType>(getValue().getType()) == isa<AddrType>(getResult().getType()))
    return emitOpError() << "expects an i64 on one side and an !xfer.addr on the other, found " << getValue().getType()
                         << " and " << getResult().getType();
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  // There and back again.
  if (auto inner = getValue().getDefiningOp<CastOp>())
    return inner.getValue();
  return {};
}

OpFoldResult OffsetOp::fold(FoldAdaptor adaptor) {
  if (auto bytes = dyn_cast_if_present<IntegerAttr>(adaptor.getBytes()); bytes && bytes.getValue().isZero())
    return getBase();
  return {};
}

static LogicalResult checkAlignment(Operation *op, int64_t alignment) {
  // /*load_x2*/ /*store_x2*/
  if (alignment < 1 || !llvm::isPowerOf2_64(uint64_t(alignment)))
    return op->emitOpError() << "expects an alignment that is a power of two, found " << alignment;
  return success();
}

static int64_t bytesOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * (vector.getElementTypeBitWidth() / 8);
  return type.getIntOrFloatBitWidth() / 8;
}

LogicalResult LoadOp::verify() { return checkAlignment(*this, getAlignment()); }

LogicalResult StoreOp::verify() {
  if (failed(checkAlignment(*this, getAlignment())))
    return failure();
  // /*store_x3*/
  const int64_t bytes = bytesOf(getValue().getType());
  if (getStreaming() && getAlignment() % bytes != 0)
    return emitOpError() << "expects a streaming store to be aligned to its size, " << bytes << " bytes, found "
                         << getAlignment();
  return success();
}
