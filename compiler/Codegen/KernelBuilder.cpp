#include "compiler/Codegen/KernelBuilder.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <bit>

namespace faro::compiler {

using namespace mlir;

Value KernelBuilder::constant(TypedAttr value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    // In the order of their first use; terminators come last.
    if (last)
      builder.setInsertionPointAfter(last);
    else
      builder.setInsertionPointToStart(entry);
    known = arith::ConstantOp::create(builder, loc, value);
    last = known.getDefiningOp();
  }
  return known;
}
Value KernelBuilder::toIndex(Value value) {
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
}
Value KernelBuilder::fromIndex(Value value) { return arith::IndexCastOp::create(builder, loc, i(64), value); }
Value KernelBuilder::add(Value a, Value b) { return arith::AddIOp::create(builder, loc, a, b); }
Value KernelBuilder::add(Value a, int64_t b) { return b == 0 ? a : add(a, constant(b)); }
Value KernelBuilder::mul(Value a, Value b) { return arith::MulIOp::create(builder, loc, a, b); }
Value KernelBuilder::mul(Value a, int64_t b) { return mul(a, constant(b)); }

Value KernelBuilder::element(Value array, Value at, Type type) {
  const int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  return load(array, mul(at, bytes), type, bytes);
}
Value KernelBuilder::elementU32(Value array, Value at) {
  return arith::ExtUIOp::create(builder, loc, i(64), element(array, at, i(32)));
}
Value KernelBuilder::elementAddr(Value array, Value at) {
  return xfer::CastOp::create(builder, loc, xfer::AddrType::get(builder.getContext()), element(array, at, i(64)));
}

Value KernelBuilder::load(Value addr, Value offset, Type type, int64_t alignment) {
  return xfer::LoadOp::create(builder, loc, type, addr, offset, builder.getI64IntegerAttr(alignment));
}
void KernelBuilder::store(Value value, Value addr, Value offset, int64_t alignment, bool streaming) {
  xfer::StoreOp::create(builder, loc, value, addr, offset, builder.getI64IntegerAttr(alignment),
                        streaming ? builder.getUnitAttr() : UnitAttr());
}

void KernelBuilder::forall(OpFoldResult begin, OpFoldResult end, int64_t step, Attribute mapping, const Body &body) {
  scf::ForallOp::create(builder, loc, ArrayRef(begin), ArrayRef(end), OpFoldResult(builder.getIndexAttr(step)),
                        ValueRange(), builder.getArrayAttr(mapping), [&](OpBuilder &, Location, ValueRange args) {
                          body(fromIndex(args.front()));
                          scf::InParallelOp::create(builder, loc);
                        });
}

void KernelBuilder::overBlocks(Value begin, Value end, const Body &body) {
  // One after the other: compilers differ in the order of arguments, and the same spec is to give the same bytes.
  Value first = toIndex(begin), last = toIndex(end);
  forall(first, last, 1, gpu::GPUBlockMappingAttr::get(builder.getContext(), gpu::MappingId::DimX), body);
}
void KernelBuilder::overThreads(int64_t end, int64_t step, const Body &body) {
  forall(builder.getIndexAttr(0), builder.getIndexAttr(end), step,
         gpu::GPUThreadMappingAttr::get(builder.getContext(), gpu::MappingId::DimX), body);
}
void KernelBuilder::overThreads(Value end, const Body &body) {
  Value last = toIndex(end);
  forall(builder.getIndexAttr(0), last, 1, gpu::GPUThreadMappingAttr::get(builder.getContext(), gpu::MappingId::DimX),
         body);
}

void KernelBuilder::loop(Value begin, Value end, const Body &body) {
  scf::ForOp::create(builder, loc, begin, end, constant(1), ValueRange(),
                     [&](OpBuilder &, Location, Value at, ValueRange) {
                       body(at);
                       scf::YieldOp::create(builder, loc);
                     });
}
ValueRange KernelBuilder::fold(Value begin, Value end, ValueRange init, const FoldBody &body) {
  auto op = scf::ForOp::create(builder, loc, begin, end, constant(1), init,
                               [&](OpBuilder &, Location, Value at, ValueRange values) {
                                 scf::YieldOp::create(builder, loc, body(at, values));
                               });
  return op.getResults();
}

llvm::SmallVector<Piece> piecesOf(int64_t begin, int64_t end, int64_t vector) {
  llvm::SmallVector<Piece> pieces;
  for (int64_t at = begin; at < end; at += pieces.back().bytes) {
    const int64_t left = end - at;
    pieces.push_back({at, left >= vector ? vector : int64_t(std::bit_floor(uint64_t(left)))});
  }
  return pieces;
}

int64_t alignmentOf(std::initializer_list<int64_t> numbers) {
  uint64_t all = 64;
  for (int64_t number : numbers)
    all |= uint64_t(number);
  return int64_t(all & -all);
}

} // namespace faro::compiler
