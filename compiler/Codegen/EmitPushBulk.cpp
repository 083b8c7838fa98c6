// Push by bulk copies: one thread of a block keeps three rows on their way, one of which is stored while two are
// loaded.
//
//   for each row j of this block                           id, id + count, ...
//     await slot j
//     for each destination d: bulk store slot j to d       one group
//     until the group before has read its slot, then begin to load row j + 2 into that
//
// No registers and no other threads: few multiprocessors are enough, and the others are free for what else runs. Rows
// that do not fit into a slot go in equal parts.
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/KernelBuilder.h"

namespace faro::compiler {
namespace {

using namespace mlir;

constexpr int64_t Slots = 3;
/// The most that as many slots of a block can have, in whole lines with their words.
constexpr int64_t SlotBytes = (xfer::StagingType::MostBytes / Slots - xfer::StagingType::WordBytes) /
                              xfer::StagingType::LineBytes * xfer::StagingType::LineBytes;
constexpr int64_t MostParts = 64;

class BulkPush {
public:
  BulkPush(KernelBuilder &kernel, const KernelShape &shape, int64_t parts, const PushArguments &push)
      : kernel(kernel), parts(parts), push(push) {
    Type type = xfer::StagingType::get(kernel.builder.getContext(), Slots, shape.bytes / parts, shape.stride / parts);
    staging = xfer::StagingOp::create(kernel.builder, kernel.loc, type);
    auto block = xfer::BlockOp::create(kernel.builder, kernel.loc);
    id = block.getId();
    count = block.getCount();
    Value tokens = arith::SubIOp::create(kernel.builder, kernel.loc, push.end, push.begin);
    total = kernel.mul(tokens, parts);
  }

  void emit() {
    for (int64_t ahead = 0; ahead < Slots - 1; ++ahead)
      loadIfThere(kernel.add(id, kernel.mul(count, ahead)), kernel.constant(ahead), /*drains=*/false);
    OpBuilder &builder = kernel.builder;
    Value zero = kernel.constant(0);
    scf::ForOp::create(builder, kernel.loc, id, total, count, ValueRange{zero, zero},
                       [&](OpBuilder &, Location loc, Value j, ValueRange state) {
                         Value slot = state[0], phase = state[1];
                         xfer::BulkAwaitOp::create(builder, loc, staging, slot, phase);
                         storeEverywhere(j, slot);
                         // Two rows on is the slot before this one.
                         Value first = equals(slot, 0), last = equals(slot, Slots - 1);
                         Value before = select(first, kernel.constant(Slots - 1), kernel.add(slot, -1));
                         loadIfThere(kernel.add(j, kernel.mul(count, Slots - 1)), before, /*drains=*/true);
                         Value other = arith::XOrIOp::create(builder, loc, phase, kernel.constant(1));
                         scf::YieldOp::create(
                             builder, loc,
                             ValueRange{select(last, zero, kernel.add(slot, 1)), select(last, other, phase)});
                       });
    xfer::BulkDrainOp::create(builder, kernel.loc, 0, /*written=*/true);
  }

private:
  Value equals(Value value, int64_t number) {
    return arith::CmpIOp::create(kernel.builder, kernel.loc, arith::CmpIPredicate::eq, value, kernel.constant(number));
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(kernel.builder, kernel.loc, condition, yes, no);
  }
  /// Row and part of number j.
  std::pair<Value, Value> placeOf(Value j) {
    if (parts == 1)
      return {kernel.add(push.begin, j), kernel.constant(0)};
    Value token = arith::DivUIOp::create(kernel.builder, kernel.loc, j, kernel.constant(parts));
    Value part = arith::RemUIOp::create(kernel.builder, kernel.loc, j, kernel.constant(parts));
    return {kernel.add(push.begin, token), kernel.mul(part, bytes())};
  }
  int64_t bytes() const { return cast<xfer::StagingType>(staging.getType()).getBytes(); }

  void loadIfThere(Value j, Value slot, bool drains) {
    OpBuilder &builder = kernel.builder;
    Value there = arith::CmpIOp::create(builder, kernel.loc, arith::CmpIPredicate::slt, j, total);
    scf::IfOp::create(builder, kernel.loc, there, [&](OpBuilder &, Location loc) {
      if (drains) // all groups but the one of this round have read their slots
        xfer::BulkDrainOp::create(builder, loc, 1, /*written=*/false);
      auto [token, at] = placeOf(j);
      Value row = kernel.offset(push.source, kernel.add(kernel.mul(token, push.stride), at));
      xfer::BulkLoadOp::create(builder, loc, staging, slot, row);
      scf::YieldOp::create(builder, loc);
    });
  }

  void storeEverywhere(Value j, Value slot) {
    auto [token, at] = placeOf(j);
    Value lo = kernel.elementU32(push.offsets, token), hi = kernel.elementU32(push.offsets, kernel.add(token, 1));
    Value part = at; // a structured binding cannot be captured
    kernel.loop(lo, hi, [&](Value d) {
      Value to = kernel.offset(kernel.elementAddr(push.destinations, d), part);
      xfer::BulkStoreOp::create(kernel.builder, kernel.loc, staging, slot, to);
    });
    xfer::BulkCommitOp::create(kernel.builder, kernel.loc);
  }

  KernelBuilder &kernel;
  const int64_t parts;
  const PushArguments push;
  Value staging, id, count, total;
};

} // namespace

std::optional<int64_t> bulkPartsOf(const KernelShape &shape) {
  if (shape.bytes < 512 || shape.bytes % 16 != 0 || shape.stride % 16 != 0)
    return std::nullopt;
  if (shape.stride <= SlotBytes)
    return 1;
  // Parts are stored as they are loaded: with nothing behind them.
  if (shape.stride == shape.bytes)
    for (int64_t parts = 2; parts <= MostParts; ++parts)
      if (shape.bytes % (16 * parts) == 0 && shape.bytes / parts <= SlotBytes)
        return parts;
  return std::nullopt;
}

void emitPushBulk(KernelBuilder &kernel, const KernelShape &shape, int64_t parts, const PushArguments &push) {
  kernel.overThreads(1, 1, [&](Value) { BulkPush(kernel, shape, parts, push).emit(); });
}

} // namespace faro::compiler
