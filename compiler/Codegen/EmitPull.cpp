// Pull: a token's result rows are read where they lie, summed in registers, and written once.
//
//   for each token t                                       blocks
//     for each tile of the row, two lines                  threads
//       sum = +0
//       for each row i of t, in order
//         prefetch row i, some way ahead; near its end, the start of the next token's row
//         sum = sum + weights[i] x rows[i][tile]           f32; the product is rounded first
//       store round(sum) to out[t][tile]
//
// Asking for each row's lines ahead keeps enough of them on their way. The next token's row at the same offset would be
// too early (a token's rows are larger than the first cache), and the hardware would have to find k streams anew in
// each page. Two lines are enough: more sums than registers would spill. A token that kept all of its choices, as
// nearly all do, has its rows and weights in registers and no inner loop.
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/KernelBuilder.h"
#include "compiler/Codegen/Numeric.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>

namespace faro::compiler {
namespace {

using namespace mlir;

/// Pieces to sum, and how many bytes from the first piece's start on are the row's (the rest is padding that is read
/// with it and not stored).
struct Tile {
  SmallVector<Piece> pieces;
  int64_t stored = 0;
};

class PullEmitter {
public:
  PullEmitter(KernelBuilder &kernel, const KernelShape &shape, const EmitKernelsOptions &options)
      : kernel(kernel), numeric(kernel, shape.element), shape(shape), options(options) {}

  Value out, rows, weights, lo, hi;

  void emitToken() {
    count = arith::SubIOp::create(kernel.builder, kernel.loc, hi, lo);
    if (shape.topk > MaxUnrolled)
      return emitRow();
    Value whole = arith::CmpIOp::create(kernel.builder, kernel.loc, arith::CmpIPredicate::eq, count,
                                        kernel.constant(int64_t(shape.topk)));
    auto both = scf::IfOp::create(kernel.builder, kernel.loc, whole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(kernel.builder);
    kernel.builder.setInsertionPointToStart(both.thenBlock());
    for (uint32_t k = 0; k < shape.topk; ++k)
      terms.push_back(term(kernel.add(lo, int64_t(k))));
    emitRow();
    terms.clear();
    kernel.builder.setInsertionPointToStart(both.elseBlock());
    emitRow();
  }

private:
  /// Weights and addresses of so many rows stay in registers beside the sums.
  static constexpr uint32_t MaxUnrolled = 16;

  /// One row of the token, and the row of the next token in the same place of its list.
  struct Term {
    Value row, next, weight;
  };

  Term term(Value i) {
    return {kernel.elementAddr(rows, i), kernel.elementAddr(rows, kernel.add(i, count)),
            kernel.element(weights, i, kernel.builder.getF32Type())};
  }

  /// sums = body(term, sums) for every row of the token, in order.
  ValueRange overTerms(ArrayRef<Value> zeros, llvm::function_ref<SmallVector<Value>(const Term &, ValueRange)> body) {
    if (terms.empty())
      return kernel.fold(lo, hi, zeros, [&](Value i, ValueRange sums) { return body(term(i), sums); });
    unrolled.assign(zeros.begin(), zeros.end());
    for (const Term &each : terms)
      unrolled = body(each, unrolled);
    return unrolled;
  }

  void emitRow() {
    // The bytes between rows of `out` are the caller's: no form stores to them, and the streaming one stores a last,
    // partial line plainly.
    const int64_t end = shape.bytes;
    const int64_t tile = tileBytes(), body = end / tile * tile;
    // What is on its way has to last as long as memory takes to answer, however few rows share it; and a kilobyte of
    // each is what a loop over many of them needs.
    const int64_t distance = std::max<int64_t>(options.prefetch / shape.topk, 1024) / tile * tile;
    const int64_t ahead = options.prefetch > 0 && body > distance ? distance : 0;
    const Tile whole{piecesOf(0, tile, options.vector), tile};
    if (body > ahead)
      kernel.overThreads(body - ahead, tile, [&](Value at) {
        emitTile(at, whole, [&](const Term &each) {
          ahead ? prefetch(each.row, kernel.add(at, ahead), whole) : prefetch(each.next, at, whole);
        });
      });
    if (ahead > 0)
      kernel.overThreads(ahead, tile, [&](Value start) {
        emitTile(kernel.add(start, body - ahead), whole, [&](const Term &each) { prefetch(each.next, start, whole); });
      });
    if (body == end)
      return;
    // Rows may be read up to their stride, so the last partial vector is summed whole where the padding allows it.
    const int64_t readable = (end + options.vector - 1) / options.vector * options.vector;
    const Tile rest{piecesOf(body, readable <= shape.stride ? readable : end, options.vector), end - body};
    kernel.overThreads(1, 1, [&](Value) {
      Value zero = kernel.constant(0);
      emitTile(zero, rest, [&](const Term &each) { prefetch(each.next, zero, rest); });
    });
  }

  int64_t tileBytes() const { return std::min(options.tile, 2 * options.vector); }

  void emitTile(Value at, const Tile &tile, llvm::function_ref<void(const Term &)> prefetches) {
    OpBuilder &b = kernel.builder;
    const Location loc = kernel.loc;
    SmallVector<Value> zeros;
    for (const Piece &piece : tile.pieces) {
      VectorType type = numeric.partType(piece.bytes);
      zeros.append(numeric.parts(piece.bytes), kernel.constant(b.getZeroAttr(type)));
    }
    ValueRange sums = overTerms(zeros, [&](const Term &each, ValueRange values) {
      prefetches(each);
      SmallVector<Value> next;
      for (const Piece &piece : tile.pieces) {
        Value loaded = kernel.load(each.row, kernel.add(at, piece.offset), numeric.loadType(piece.bytes),
                                   alignmentOf({options.sourceAlignment, piece.offset}));
        for (Value part : numeric.widen(loaded, piece.bytes)) {
          Value factor = vector::BroadcastOp::create(b, loc, part.getType(), each.weight);
          // Two roundings, as the contract says: no fastmath flag lets these become one.
          Value product = arith::MulFOp::create(b, loc, factor, part);
          next.push_back(arith::AddFOp::create(b, loc, values[next.size()], product));
        }
      }
      return next;
    });
    storeTile(at, tile, sums);
  }

  /// One prefetch a line.
  void prefetch(Value row, Value at, const Tile &tile) {
    const int64_t begin = tile.pieces.front().offset, end = tile.pieces.back().offset + tile.pieces.back().bytes;
    for (int64_t line = begin; line < end; line += 64)
      xfer::PrefetchOp::create(kernel.builder, kernel.loc, row, kernel.add(at, line));
  }

  void storeTile(Value at, const Tile &tile, ValueRange sums) {
    // `out` is the user's; the streaming form asks for 64 bytes.
    const bool aligned = shape.streaming && shape.stride % 64 == 0;
    int64_t part = 0, left = tile.stored;
    for (const Piece &piece : tile.pieces) {
      const int64_t parts = numeric.parts(piece.bytes);
      Value bits = numeric.narrow(sums.slice(part, parts), piece.bytes);
      part += parts;
      const int64_t alignment = aligned ? alignmentOf({piece.offset, tileBytes()}) : 1;
      if (left >= piece.bytes)
        kernel.store(bits, out, kernel.add(at, piece.offset), alignment, aligned && piece.bytes == options.vector);
      else
        storePart(at, piece, bits, left);
      left -= piece.bytes;
    }
  }

  /// The first `bytes` of a summed vector.
  void storePart(Value at, const Piece &piece, Value bits, int64_t bytes) {
    OpBuilder &b = kernel.builder;
    const int64_t unit = numeric.elementBytes();
    VectorType type = kernel.vectorOf(piece.bytes / unit, kernel.i(unsigned(8 * unit)));
    Value lanes = type == bits.getType() ? bits : Value(vector::BitCastOp::create(b, kernel.loc, type, bits));
    for (const Piece &each : piecesOf(0, bytes, options.vector)) {
      SmallVector<int64_t> mask;
      for (int64_t lane = 0; lane < each.bytes / unit; ++lane)
        mask.push_back(each.offset / unit + lane);
      Value slice = vector::ShuffleOp::create(b, kernel.loc, lanes, lanes, mask);
      kernel.store(slice, out, kernel.add(at, piece.offset + each.offset), 1, /*streaming=*/false);
    }
  }

  KernelBuilder &kernel;
  Numeric numeric;
  const KernelShape &shape;
  const EmitKernelsOptions &options;
  Value count;
  SmallVector<Term> terms; ///< all of the token's, where their number is known
  SmallVector<Value> unrolled;
};

} // namespace

func::FuncOp emitPull(OpBuilder &builder, Location loc, llvm::StringRef name, const KernelShape &shape,
                      const EmitKernelsOptions &options) {
  OpBuilder::InsertionGuard guard(builder);
  Type addr = xfer::AddrType::get(builder.getContext()), i64 = builder.getI64Type();
  auto function =
      func::FuncOp::create(builder, loc, name, builder.getFunctionType({addr, i64, addr, addr, addr, i64, i64}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  KernelBuilder kernel(builder, function);
  Value out = function.getArgument(0), stride = function.getArgument(1), offsets = function.getArgument(2),
        begin = function.getArgument(5), end = function.getArgument(6);
  kernel.overBlocks(begin, end, [&](Value token) {
    PullEmitter emitter(kernel, shape, options);
    emitter.out = xfer::OffsetOp::create(builder, loc, addr, out, kernel.mul(token, stride));
    emitter.rows = function.getArgument(3);
    emitter.weights = function.getArgument(4);
    emitter.lo = kernel.elementU32(offsets, token);
    emitter.hi = kernel.elementU32(offsets, kernel.add(token, 1));
    emitter.emitToken();
  });
  if (shape.streaming)
    xfer::FenceOp::create(builder, loc);
  func::ReturnOp::create(builder, loc);
  return function;
}

} // namespace faro::compiler
