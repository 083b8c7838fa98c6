// Push: a row is read once and stored to all its places.
//
//   for each token t                                       blocks
//     for each tile of the row, 512 bytes                  threads
//       past the cache only:
//         in each page: prefetch d[tile] of the next token's destinations
//         prefetch src[t], two kilobytes ahead
//       v0 .. v7 = load src[t][tile]                       unaligned: the rows are the user's
//       for each destination d of t
//         store v0 .. v7 to d[tile]                        aligned, past the cache where the output is large
//
// The tile is in the outer loop so that a source line is loaded once and each destination gets eight whole lines in a
// row: on Intel 5 to 15% faster than whole rows one destination after the other, which read the source from L1 each
// time. Elsewhere memory gains more by the order of the stores than that costs (EmitKernelsOptions::block,
// CpuTarget.cpp). Past the cache, for more than two destinations, it is then
//
//     for each block of the row, 16 kilobytes
//       for each destination d of t
//         for each tile of the block
//           load, store
//
// Rows go to random places of large windows, often in pages of 4 KiB, so that k pages have to be found for every 4 KiB
// of a token, and stores past the cache fill the store queue long before the next page's turn comes. A load to a page
// begins the walk a row ahead; the line it brings is one of 64. Where loads and stores past the cache share places,
// that costs more than it brings. The source is read in order, but its lines have to come from memory between all those
// stores, so they are asked for ahead, too, unless the processor does that better by itself. A target leaves out what
// it does not gain by (CpuTarget.cpp).
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/KernelBuilder.h"
#include "compiler/Schedule/Constants.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <optional>

namespace faro::compiler {
namespace {

using namespace mlir;

class PushEmitter {
public:
  PushEmitter(KernelBuilder &kernel, const KernelShape &shape, const EmitKernelsOptions &options)
      : kernel(kernel), shape(shape), options(options) {}

  /// Entries [lo, hi) of a list of destinations.
  struct Entries {
    Value lo, hi;
  };

  void emitToken(Value source, Value destinations, Entries own, std::optional<Entries> next) {
    this->source = source;
    const int64_t body = shape.bytes / options.tile * options.tile;
    // With one or two destinations there is little order to gain.
    const bool inBlocks = shape.streaming && shape.topk > 2;
    const int64_t block = inBlocks ? std::min(options.block / options.tile * options.tile, body) : 0;
    if (block > options.tile)
      emitBlocks(destinations, own, next, block, body);
    else if (body > 0)
      kernel.overThreads(body, options.tile, [&](Value at) {
        if (next) {
          findPages(destinations, *next, at);
          askAhead(at);
        }
        storeEverywhere(destinations, own, at, loadPieces(at, 0, options.tile));
      });
    // What is left of the row, and its padding, is one thread's work.
    if (body < shape.stride)
      kernel.overThreads(1, 1, [&](Value) {
        Value zero = kernel.constant(0);
        storeEverywhere(destinations, own, zero, loadRest(zero, body));
      });
  }

private:
  /// Half as much, or twice, was as fast.
  static constexpr int64_t SourceAhead = 2048;

  struct Loaded {
    Piece piece;
    Value value;
  };

  /// The user's rows lie next to each other, those of a slice a stride apart; and what is loaded begins with a tile.
  int64_t sourceAlignment() const {
    return alignmentOf({options.rowAlignment, shape.bytes, shape.stride, options.tile});
  }

  Type typeOf(int64_t bytes) {
    if (bytes < 4)
      return kernel.i(unsigned(8 * bytes));
    return kernel.vectorOf(bytes / 4, kernel.i(32));
  }

  /// Whole blocks, and what is left of the tiles.
  void emitBlocks(Value destinations, Entries own, std::optional<Entries> next, int64_t block, int64_t body) {
    const int64_t whole = body / block * block;
    kernel.overThreads(whole, block, [&](Value at) { emitBlock(destinations, own, next, at, block); });
    if (whole < body)
      kernel.overThreads(1, 1,
                         [&](Value) { emitBlock(destinations, own, next, kernel.constant(whole), body - whole); });
  }

  void emitBlock(Value destinations, Entries own, std::optional<Entries> next, Value at, int64_t bytes) {
    const auto overTiles = [&](llvm::function_ref<void(Value at)> body) {
      scf::ForOp::create(kernel.builder, kernel.loc, at, kernel.add(at, bytes), kernel.constant(options.tile),
                         ValueRange(), [&](OpBuilder &, Location, Value tile, ValueRange) {
                           body(tile);
                           scf::YieldOp::create(kernel.builder, kernel.loc);
                         });
    };
    if (next)
      overTiles([&](Value tile) {
        findPages(destinations, *next, tile);
        askAhead(tile);
      });
    kernel.loop(own.lo, own.hi, [&](Value j) {
      Value destination = kernel.elementAddr(destinations, j);
      overTiles([&](Value tile) { store(destination, tile, loadPieces(tile, 0, options.tile)); });
    });
  }

  /// The source's lines.
  void askAhead(Value at) {
    for (int64_t line = 0; line < options.tile; line += LineBytes)
      xfer::PrefetchOp::create(kernel.builder, kernel.loc, xfer::Reach::InOrder, source,
                               kernel.add(at, SourceAhead + line));
  }

  SmallVector<Loaded> loadPieces(Value at, int64_t begin, int64_t end) {
    SmallVector<Loaded> loaded;
    Value from = kernel.offset(source, at); // constants behind it are part of the instruction
    for (const Piece &piece : piecesOf(begin, end, options.vector))
      loaded.push_back({piece, kernel.load(from, kernel.constant(piece.offset), typeOf(piece.bytes),
                                           alignmentOf({sourceAlignment(), piece.offset}))});
    return loaded;
  }

  /// From `begin` to the stride: whole vectors, then the last, partial one, then zeros.
  SmallVector<Loaded> loadRest(Value zero, int64_t begin) {
    const int64_t vector = options.vector, partial = shape.bytes % vector, whole = shape.bytes - partial;
    const bool asVector = partial > 0 && shape.bytes >= vector && shape.stride >= whole + vector;
    SmallVector<Loaded> loaded = loadPieces(zero, begin, asVector ? whole : shape.bytes);
    int64_t end = shape.bytes;
    if (asVector) {
      loaded.push_back({{whole, vector}, loadLastVector(zero, whole, partial)});
      end = whole + vector;
    }
    for (const Piece &piece : piecesOf(end, shape.stride, vector)) {
      Type type = typeOf(piece.bytes);
      loaded.push_back({piece, kernel.zero(type)});
    }
    return loaded;
  }

  /// The row's last `partial` bytes, then zeros. Loaded as the vector that ends where the row ends, and moved down: not
  /// a byte behind the row is touched.
  Value loadLastVector(Value zero, int64_t whole, int64_t partial) {
    const int64_t unit = shape.element == FARO_ABI_F32 ? 4 : 2, lanes = options.vector / unit;
    VectorType type = kernel.vectorOf(lanes, kernel.i(unsigned(8 * unit)));
    const int64_t from = whole + partial - options.vector;
    Value last = kernel.load(source, kernel.add(zero, from), type, alignmentOf({sourceAlignment(), from}));
    Value zeros = kernel.zero(type);
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < lanes; ++lane)
      mask.push_back(lane < partial / unit ? lanes - partial / unit + lane : lanes);
    return vector::ShuffleOp::create(kernel.builder, kernel.loc, last, zeros, mask);
  }

  /// Once in each page of a row.
  void findPages(Value destinations, Entries next, Value at) {
    OpBuilder &b = kernel.builder;
    Value within = arith::AndIOp::create(b, kernel.loc, at, kernel.constant(PageBytes - 1));
    Value first =
        arith::CmpIOp::create(b, kernel.loc, arith::CmpIPredicate::ult, within, kernel.constant(options.tile));
    scf::IfOp::create(b, kernel.loc, first, [&](OpBuilder &, Location) {
      kernel.loop(next.lo, next.hi, [&](Value j) {
        xfer::PrefetchOp::create(b, kernel.loc, xfer::Reach::Page, kernel.elementAddr(destinations, j), at);
      });
      scf::YieldOp::create(b, kernel.loc);
    });
  }

  void storeEverywhere(Value destinations, Entries own, Value at, ArrayRef<Loaded> loaded) {
    kernel.loop(own.lo, own.hi, [&](Value j) { store(kernel.elementAddr(destinations, j), at, loaded); });
  }

  void store(Value row, Value at, ArrayRef<Loaded> loaded) {
    // Rows in Faro's memory start at a multiple of 64 when the stride is one; else a CPU knows nothing of them.
    const bool aligned = shape.stride % 64 == 0;
    const int64_t start = alignmentOf({options.tile, aligned ? LineBytes : options.rowAlignment, shape.stride});
    Value destination = kernel.offset(row, at);
    for (const Loaded &each : loaded) {
      const int64_t alignment = alignmentOf({each.piece.offset, start});
      // A store past the cache of less than a line is slower than any other.
      const bool streaming = shape.streaming && aligned && each.piece.bytes == options.vector;
      kernel.store(each.value, destination, kernel.constant(each.piece.offset), alignment, streaming);
    }
  }

  KernelBuilder &kernel;
  const KernelShape &shape;
  const EmitKernelsOptions &options;
  Value source;
};

} // namespace

void emitPushToken(KernelBuilder &kernel, const KernelShape &shape, const EmitKernelsOptions &options,
                   const PushArguments &push, Value token) {
  OpBuilder &builder = kernel.builder;
  const Location loc = kernel.loc;
  Value lo = kernel.elementU32(push.offsets, token), hi = kernel.elementU32(push.offsets, kernel.add(token, 1));
  // A token that goes nowhere is not read.
  Value used = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, lo, hi);
  scf::IfOp::create(builder, loc, used, [&](OpBuilder &, Location) {
    Value row = kernel.offset(push.source, kernel.mul(token, push.stride));
    std::optional<PushEmitter::Entries> next;
    if (shape.streaming && options.prefetch > 0) {
      Value last = arith::MinUIOp::create(builder, loc, kernel.add(token, 2), push.end);
      next = {hi, kernel.elementU32(push.offsets, last)};
    }
    PushEmitter(kernel, shape, options).emitToken(row, push.destinations, {lo, hi}, next);
    scf::YieldOp::create(builder, loc);
  });
}

func::FuncOp emitPush(OpBuilder &builder, Location loc, llvm::StringRef name, const KernelShape &shape,
                      const EmitKernelsOptions &options) {
  OpBuilder::InsertionGuard guard(builder);
  auto function = func::FuncOp::create(builder, loc, name, pushType(builder.getContext()));
  builder.setInsertionPointToStart(function.addEntryBlock());
  KernelBuilder kernel(builder, function);
  const PushArguments push{function.getArgument(0), function.getArgument(1), function.getArgument(2),
                           function.getArgument(3), function.getArgument(4), function.getArgument(5)};
  const std::optional<int64_t> parts = bulkPartsOf(shape);
  const bool byCopies = parts && options.bulk == KernelForm::Instead;
  if (byCopies)
    emitPushBulk(kernel, shape, *parts, push);
  else
    kernel.overBlocks(push.begin, push.end, [&](Value token) { emitPushToken(kernel, shape, options, push, token); });
  if (shape.streaming || byCopies)
    xfer::FenceOp::create(builder, loc);
  func::ReturnOp::create(builder, loc);
  return function;
}

} // namespace faro::compiler
