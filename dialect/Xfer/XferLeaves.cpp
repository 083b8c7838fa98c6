// Leaf operations: verifiers (X1..X7) and folds.
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
  // /*staging_x6*/
  if (stride > MostBytes || slots > MostBytes / (int64_t(llvm::alignTo(uint64_t(stride), LineBytes)) + WordBytes))
    return emitError() << "expects slots of at most " << MostBytes << " bytes together, each in whole lines of "
                       << LineBytes << " with a word of " << WordBytes << " beside it; found " << slots << " in "
                       << stride;
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

/// Not exact beyond 2^64.
static uint64_t bytesOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return type.getIntOrFloatBitWidth() / 8;
  uint64_t bytes = vector.getElementTypeBitWidth() / 8;
  for (int64_t extent : vector.getShape())
    bytes = llvm::SaturatingMultiply(bytes, uint64_t(extent));
  return bytes;
}

/// Of what is loaded or stored.
static LogicalResult checkAccess(Operation *op, int64_t alignment, Type value) {
  constexpr int64_t MostAlignment = 4096; // a page: who maps memory promises no more
  // /*load_x2*/ /*store_x2*/
  if (alignment < 1 || alignment > MostAlignment || !llvm::isPowerOf2_64(uint64_t(alignment)))
    return op->emitOpError() << "expects an alignment that is a power of two, at most " << MostAlignment << ", found "
                             << alignment;
  constexpr uint64_t Most = 1024; // 16 registers of the widest vectors; code generators take hours over more
  // /*load_x5*/ /*store_x5*/
  if (bytesOf(value) > Most)
    return op->emitOpError() << "expects a value of at most " << Most << " bytes, found " << value;
  return success();
}

LogicalResult LoadOp::verify() { return checkAccess(*this, getAlignment(), getValue().getType()); }

LogicalResult StoreOp::verify() {
  if (failed(checkAccess(*this, getAlignment(), getValue().getType())))
    return failure();
  // /*store_x3*/
  const uint64_t bytes = bytesOf(getValue().getType());
  if (getStreaming() && uint64_t(getAlignment()) % bytes != 0)
    return emitOpError() << "expects a streaming store to be aligned to its size, " << bytes << " bytes, found "
                         << getAlignment();
  return success();
}

LogicalResult BulkDrainOp::verify() {
  // /*drain_x7*/
  if (int64_t(getLeft()) < 0)
    return emitOpError() << "expects at least 0 groups to be left, found " << int64_t(getLeft());
  return success();
}
