// Pull: a token's result rows are read where they lie, summed in registers, and written once.
//
//   for each token t                                       blocks
//     for each tile of the row, two lines                  threads
//       page: in each kilobyte, the next token's rows at the tile
//       sum = +0
//       for each row i of t, in order
//         far:  the next token's row at the tile
//         near: row i, some way ahead; near its end, the start of the next token's row
//         sum = sum + weights[i] x rows[i][tile]           f32; the product is rounded first
//       store round(sum) to out[t][tile]
//
// near, far and page are prefetches (xfer.prefetch); a target keeps near, and at most one of the others.
//
// Asking for each row's lines ahead keeps enough of them on their way. A token's rows are larger than the first cache,
// so that what is asked for a whole token ahead goes to the second (far), and near brings it on from there. Without
// far, near is all there is, and what the hardware finds in k streams that are new in each page. Two lines are enough:
// more sums than registers would spill. A token that kept all of its choices, as nearly all do, has its rows and
// weights in registers and no inner loop.
//
// Rows lie at random places of large windows, often in pages of 4 KiB, and finding a page takes longer than a kilobyte
// lasts. So one line of each kilobyte is asked for a token ahead, where far does not do that already. Where many rows
// are summed they hide each other's pages, and asking costs more than it brings. It is written out for each row: in a
// loop, its mispredicted end alone would cost more.
//
// Rows of `out` that are no whole lines begin anywhere in one. Then tiles begin with the first whole line, wherever a
// row has it, so that nearly all are stored past the cache; the first and the last overlap their neighbours, where the
// same sums are stored twice. Rows are read at any place.
//
// Partial sums of a combine across nodes may be of another element than the rows: then `out` is, or the rows are. The
// loops go over the bytes of the rows that are read.
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/KernelBuilder.h"
#include "compiler/Codegen/Numeric.h"
#include "compiler/Schedule/Constants.h"

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
      : kernel(kernel), numeric(kernel, shape.element), stored(kernel, shape.stored), shape(shape), options(options),
        vector(shape.topk <= 2 && options.fewRowsVector ? options.fewRowsVector : options.vector) {}

  Value out, rows, weights, lo, hi;

  void emitToken() {
    count = arith::SubIOp::create(kernel.builder, kernel.loc, hi, lo);
    // How many items of a token lie on one node, and how many shares there are, is anybody's guess.
    if (shape.topk > MaxUnrolled || shape.stored != shape.element)
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
  /// Whether rows of `out` begin anywhere in a line, and the streaming form is to take them so. A device's do not: a
  /// thread reads what lies at a multiple of its access.
  bool hasRowsAnywhere() const {
    return shape.streaming && shape.stored == shape.element && options.rowAlignment == 1 &&
           shape.bytes % LineBytes != 0 && shape.bytes >= FARO_ABI_ANYWHERE_BYTES;
  }

  /// Weights and addresses of so many rows stay in registers beside the sums.
  static constexpr uint32_t MaxUnrolled = 16;
  /// The most rows of a token whose successors' pages are looked for ahead, and how often.
  static constexpr size_t MaxFound = 8;
  static constexpr int64_t FoundBytes = 1024;

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
    if (hasRowsAnywhere())
      return emitRowAnywhere();
    // The bytes between rows of `out` are the caller's: no form stores to them, and the streaming one stores a last,
    // partial line plainly.
    const int64_t end = shape.bytes;
    const int64_t tile = tileBytes(), body = end / tile * tile;
    const Tile whole{piecesOf(0, tile, pieceBytes()), tile};
    if (body > 0)
      kernel.overThreads(body, tile, [&](Value at) { storeTile(at, whole, sumAhead(at, whole, body)); });
    if (body == end)
      return;
    // Rows may be read up to their stride, so the last partial vector is summed whole where the padding allows it.
    const int64_t readable = (end + pieceBytes() - 1) / pieceBytes() * pieceBytes();
    const Tile rest{piecesOf(body, readable <= shape.stride ? readable : end, pieceBytes()), end - body};
    kernel.overThreads(1, 1, [&](Value) {
      Value zero = kernel.constant(0);
      storeTile(zero, rest,
                sumTile(zero, rest, [&](const Term &each) { prefetch(xfer::Reach::Near, each.next, zero, rest); }));
    });
  }

  /// Tile n of the row is at
  ///   0                        n = 0
  ///   head + (n - 1) x tile    from the first whole line on
  ///   bytes - tile             the last n
  /// Past the cache, but for the first two and the last two: a line is stored to in one way only, for to do it in both
  /// takes as long as several lines.
  void emitRowAnywhere() {
    using Predicate = arith::CmpIPredicate;
    OpBuilder &b = kernel.builder;
    const Location loc = kernel.loc;
    const int64_t tile = tileBytes(), line = std::min(tile, LineBytes);
    const Tile whole{piecesOf(0, tile, pieceBytes()), tile};
    Value zero = kernel.constant(0), start = xfer::CastOp::create(b, loc, kernel.i(64), out);
    Value head = arith::AndIOp::create(b, loc, arith::SubIOp::create(b, loc, zero, start), kernel.constant(line - 1));
    Value left = arith::SubIOp::create(b, loc, kernel.constant(int64_t(shape.bytes)), head);
    Value last = kernel.add(arith::DivUIOp::create(b, loc, left, kernel.constant(tile)), 1);
    kernel.overThreads(kernel.add(last, 1), [&](Value n) {
      Value isFirst = arith::CmpIOp::create(b, loc, Predicate::eq, n, zero);
      Value isLast = arith::CmpIOp::create(b, loc, Predicate::eq, n, last);
      Value between = kernel.add(head, kernel.mul(kernel.add(n, -1), tile));
      Value at = either(isFirst, zero, either(isLast, kernel.constant(int64_t(shape.bytes) - tile), between));
      ValueRange sums = sumAhead(at, whole, shape.bytes);
      Value isEdge = arith::OrIOp::create(b, loc, arith::CmpIOp::create(b, loc, Predicate::ule, n, kernel.constant(1)),
                                          arith::CmpIOp::create(b, loc, Predicate::uge, n, kernel.add(last, -1)));
      auto op = scf::IfOp::create(b, loc, isEdge, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(op.thenBlock());
      storeTile(at, whole, sums, /*inLines=*/false);
      b.setInsertionPointToStart(op.elseBlock());
      storeTile(at, whole, sums, /*inLines=*/true);
    });
  }

  /// The sums of a tile of a row that ends at `end`, and lines of what is summed next asked for.
  ValueRange sumAhead(Value at, const Tile &tile, int64_t end) {
    const int64_t bytes = tile.stored;
    // What is on its way has to last as long as memory takes to answer, however few rows share it; and a kilobyte of
    // each is what a loop over many of them needs.
    const int64_t distance = std::max<int64_t>(options.prefetch / shape.topk, 1024) / bytes * bytes;
    if (options.prefetch == 0 || end <= distance)
      return sumTile(at, tile, [&](const Term &each) { prefetch(xfer::Reach::Near, each.next, at, tile); });
    if (!terms.empty() && terms.size() <= MaxFound)
      findNext(at, bytes);
    // One loop with a choice in it: a second loop for the end of the row would double the kernel, and with it the time
    // to compile it.
    const Wrapped near = wrap(kernel.add(at, distance), end);
    return sumTile(at, tile, [&](const Term &each) {
      prefetch(xfer::Reach::Far, each.next, at, tile);
      prefetch(xfer::Reach::Near, either(near.isBehind, each.next, each.row), near.at, tile);
    });
  }

  /// Pieces are whole vectors of what is read or of what is stored, whichever has the smaller element.
  int64_t pieceBytes() const { return vector * std::max<int64_t>(1, numeric.elementBytes() / stored.elementBytes()); }
  int64_t tileBytes() const { return std::max(pieceBytes(), std::min(options.tile, 2 * vector)); }

  /// A number of bytes of a row that is read, in bytes of the row that is stored.
  int64_t inOut(int64_t bytes) const { return bytes / numeric.elementBytes() * stored.elementBytes(); }
  Value inOut(Value bytes) {
    if (stored.elementBytes() == numeric.elementBytes())
      return bytes;
    if (stored.elementBytes() > numeric.elementBytes())
      return kernel.mul(bytes, stored.elementBytes() / numeric.elementBytes());
    return arith::ShRUIOp::create(kernel.builder, kernel.loc, bytes, kernel.constant(1));
  }

  ValueRange sumTile(Value at, const Tile &tile, llvm::function_ref<void(const Term &)> prefetches) {
    OpBuilder &b = kernel.builder;
    const Location loc = kernel.loc;
    SmallVector<Value> zeros;
    for (const Piece &piece : tile.pieces) {
      VectorType type = numeric.partType(piece.bytes);
      zeros.append(numeric.parts(piece.bytes), kernel.constant(b.getZeroAttr(type)));
    }
    return overTerms(zeros, [&](const Term &each, ValueRange values) {
      prefetches(each);
      SmallVector<Value> next;
      for (const Piece &piece : tile.pieces) {
        Value loaded = kernel.load(each.row, kernel.add(at, piece.offset), numeric.loadType(piece.bytes),
                                   alignmentOf({options.rowAlignment, shape.stride, tileBytes(), piece.offset}));
        for (Value part : numeric.widen(loaded, piece.bytes)) {
          Value factor = vector::BroadcastOp::create(b, loc, part.getType(), each.weight);
          // Two roundings, as the contract says: no fastmath flag lets these become one.
          Value product = arith::MulFOp::create(b, loc, factor, part);
          next.push_back(arith::AddFOp::create(b, loc, values[next.size()], product));
        }
      }
      return next;
    });
  }

  /// Once in each kilobyte of a row: `at` of the next token's rows.
  void findNext(Value at, int64_t tile) {
    OpBuilder &b = kernel.builder;
    Value within = arith::AndIOp::create(b, kernel.loc, at, kernel.constant(FoundBytes - 1));
    Value first = arith::CmpIOp::create(b, kernel.loc, arith::CmpIPredicate::ult, within, kernel.constant(tile));
    scf::IfOp::create(b, kernel.loc, first, [&](OpBuilder &, Location) {
      for (const Term &each : terms)
        xfer::PrefetchOp::create(b, kernel.loc, xfer::Reach::Page, each.next, at);
      scf::YieldOp::create(b, kernel.loc);
    });
  }

  /// A place of a row, or behind its end: that place of the next token's row.
  struct Wrapped {
    Value isBehind, at;
  };

  Wrapped wrap(Value at, int64_t end) {
    Value isBehind =
        arith::CmpIOp::create(kernel.builder, kernel.loc, arith::CmpIPredicate::uge, at, kernel.constant(end));
    return {isBehind, either(isBehind, kernel.add(at, -end), at)};
  }

  Value either(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(kernel.builder, kernel.loc, condition, yes, no);
  }

  /// One prefetch a line.
  void prefetch(xfer::Reach reach, Value row, Value at, const Tile &tile) {
    const int64_t begin = tile.pieces.front().offset, end = tile.pieces.back().offset + tile.pieces.back().bytes;
    for (int64_t line = begin; line < end; line += 64)
      xfer::PrefetchOp::create(kernel.builder, kernel.loc, reach, row, kernel.add(at, line));
  }

  void storeTile(Value at, const Tile &tile, ValueRange sums) {
    // The streaming form asks for 64 bytes.
    storeTile(at, tile, sums, shape.streaming && shape.stride % LineBytes == 0);
  }

  /// `inLines`: `at` of `out` is a multiple of 64, or of the tile; whole vectors go past the cache.
  void storeTile(Value at, const Tile &tile, ValueRange sums, bool inLines) {
    Value base = inOut(at);
    int64_t part = 0;
    for (const Piece &piece : tile.pieces) {
      const int64_t parts = numeric.parts(piece.bytes);
      const int64_t left = inOut(tile.stored - (piece.offset - tile.pieces.front().offset));
      ValueRange summed = sums.slice(part, parts);
      part += parts;
      if (shape.stored == shape.element)
        storePiece(base, piece, stored.narrow(summed, piece.bytes), left, inLines);
      else
        storeConverted(base, piece, summed, left, inLines);
    }
  }

  /// `out` is the user's, whose rows lie next to each other, or a slice's, where they lie a stride apart.
  int64_t outAlignment() const { return alignmentOf({options.rowAlignment, inOut(shape.bytes), inOut(shape.stride)}); }

  /// Bits of the stored element at `piece` of the row that is stored, of which `left` bytes are the row's.
  void storePiece(Value at, const Piece &piece, Value bits, int64_t left, bool inLines) {
    const int64_t alignment = alignmentOf({inLines ? LineBytes : outAlignment(), piece.offset, inOut(tileBytes())});
    if (left >= piece.bytes)
      kernel.store(bits, out, kernel.add(at, piece.offset), alignment, inLines && piece.bytes == vector);
    else if (left > 0)
      storePart(at, piece, bits, left);
  }

  /// Sums of a piece that was read, stored as another element: in the order of columns first, then by whole vectors.
  void storeConverted(Value at, const Piece &piece, ValueRange sums, int64_t left, bool inLines) {
    const int64_t columns = piece.bytes / numeric.elementBytes();
    Value ordered = sums[0];
    if (sums.size() == 2) { // even and odd columns
      SmallVector<int64_t> mask;
      for (int64_t column = 0; column < columns; ++column)
        mask.push_back(column / 2 + column % 2 * (columns / 2));
      ordered = shuffle(sums[0], sums[1], mask);
    }
    const int64_t unit = stored.elementBytes(), step = std::min(columns, vector / unit);
    for (int64_t first = 0; first < columns; first += step) {
      SmallVector<Value> parts;
      const int64_t count = stored.parts(step * unit);
      for (int64_t part = 0; part < count; ++part) {
        SmallVector<int64_t> mask;
        for (int64_t lane = 0; lane < step / count; ++lane)
          mask.push_back(first + lane * count + part);
        parts.push_back(step == columns && count == 1 ? ordered : shuffle(ordered, ordered, mask));
      }
      storePiece(at, {inOut(piece.offset) + first * unit, step * unit}, stored.narrow(parts, step * unit),
                 left - first * unit, inLines);
    }
  }

  Value shuffle(Value a, Value b, ArrayRef<int64_t> mask) {
    return vector::ShuffleOp::create(kernel.builder, kernel.loc, a, b, mask);
  }

  /// The first `bytes` of a summed vector.
  void storePart(Value at, const Piece &piece, Value bits, int64_t bytes) {
    OpBuilder &b = kernel.builder;
    const int64_t unit = stored.elementBytes();
    VectorType type = kernel.vectorOf(piece.bytes / unit, kernel.i(unsigned(8 * unit)));
    Value lanes = type == bits.getType() ? bits : Value(vector::BitCastOp::create(b, kernel.loc, type, bits));
    for (const Piece &each : piecesOf(0, bytes, vector)) {
      SmallVector<int64_t> mask;
      for (int64_t lane = 0; lane < each.bytes / unit; ++lane)
        mask.push_back(each.offset / unit + lane);
      kernel.store(shuffle(lanes, lanes, mask), out, kernel.add(at, piece.offset + each.offset),
                   alignmentOf({outAlignment(), piece.offset + each.offset, inOut(tileBytes())}), /*streaming=*/false);
    }
  }

  KernelBuilder &kernel;
  Numeric numeric, stored; ///< of the rows that are read, and of those that are stored
  const KernelShape &shape;
  const EmitKernelsOptions &options;
  const int64_t vector; ///< bytes of one load
  Value count;
  SmallVector<Term> terms; ///< all of the token's, where their number is known
  SmallVector<Value> unrolled;
};

} // namespace

func::FuncOp emitPull(OpBuilder &builder, Location loc, llvm::StringRef name, const KernelShape &shape,
                      const EmitKernelsOptions &options) {
  OpBuilder::InsertionGuard guard(builder);
  auto function = func::FuncOp::create(builder, loc, name, pullType(builder.getContext()));
  builder.setInsertionPointToStart(function.addEntryBlock());
  KernelBuilder kernel(builder, function);
  Value out = function.getArgument(0), stride = function.getArgument(1), offsets = function.getArgument(2),
        begin = function.getArgument(5), end = function.getArgument(6);
  kernel.overBlocks(begin, end, [&](Value token) {
    PullEmitter emitter(kernel, shape, options);
    emitter.out = kernel.offset(out, kernel.mul(token, stride));
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
