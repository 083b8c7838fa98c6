// The kernels that plan a batch on a device. Their contracts are faro_abi_plan_area and faro_abi_plan_fn in
// runtime/abi/faro_abi.h; what a plan is, the host's planner defines (runtime/plan/Planner.h).
//
//   topk_idx ─count─► items of each chunk ─scan─► boards of all ranks ═meet═► ─offsets─► first rows ─place─► lists
//
// Blocks are chunks of tokens, and threads are experts (count) or the chunk's choices (place): each walks the chunk's
// topk_idx, which is one read for a whole warp, and counts what is like its own. So rows are given out in the order of
// tokens without atomics, without memory of a block, and the same every time. The walks are the time that planning
// takes: a step of one is a read, a comparison and a sum of 32 bits.
#pragma once

#include "compiler/Codegen/KernelBuilder.h"
#include "runtime/abi/faro_abi.h"

#include <cstddef>
#include <cstdint>

/// Where a field of the area is, for PlanBuilder's `field` and `array`.
#define AREA(name) offsetof(faro_abi_plan_area, name)

namespace faro::compiler {

/// What the kernels of a dispatch know of it. Ranks and their experts are known when it runs.
struct PlanShape {
  int64_t topk = 1, experts = 1, align = 1;
  int64_t stride = 0; ///< bytes between rows

  /// As many tokens as have 256 choices: fewer would be more chunks to scan, more a longer walk of each thread.
  int64_t chunkTokens() const { return topk >= 256 ? 1 : 256 / topk; }
};

/// A plan kernel's arguments, and the words that all of them are written in.
class PlanBuilder : public KernelBuilder {
public:
  PlanBuilder(mlir::OpBuilder &builder, mlir::func::FuncOp function, const PlanShape &shape)
      : KernelBuilder(builder, function), shape(shape), function(function) {}

  const PlanShape &shape;

  mlir::Value given() { return function.getArgument(1); }
  mlir::Value number() { return function.getArgument(3); }
  /// A field of the area, and one that is an address.
  mlir::Value field(size_t offset) { return load(function.getArgument(0), constant(int64_t(offset)), i(64), 8); }
  mlir::Value array(size_t offset) { return elementAddr(function.getArgument(0), constant(int64_t(offset / 8))); }

  mlir::Value element64(mlir::Value array, mlir::Value at) { return element(array, at, i(64)); }
  mlir::Value element32(mlir::Value array, mlir::Value at) { return element(array, at, i(32)); }
  mlir::Value constant32(int64_t value) { return constant(builder.getI32IntegerAttr(int32_t(value))); }
  mlir::Value to32(mlir::Value value) { return mlir::arith::TruncIOp::create(builder, loc, i(32), value); }
  mlir::Value to64(mlir::Value value) { return mlir::arith::ExtUIOp::create(builder, loc, i(64), value); }
  /// value + 1 where the condition holds; of 32 bits.
  mlir::Value countIf(mlir::Value condition, mlir::Value value) {
    return add(value, mlir::arith::ExtUIOp::create(builder, loc, i(32), condition));
  }
  void set64(mlir::Value value, mlir::Value array, mlir::Value at) {
    store(value, array, mul(at, 8), 8, /*streaming=*/false);
  }
  void set32(mlir::Value value, mlir::Value array, mlir::Value at) {
    store(value.getType() == i(32) ? value : to32(value), array, mul(at, 4), 4, /*streaming=*/false);
  }

  using Predicate = mlir::arith::CmpIPredicate;
  mlir::Value is(mlir::Value a, Predicate predicate, mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  mlir::Value both(mlir::Value a, mlir::Value b) { return mlir::arith::AndIOp::create(builder, loc, a, b); }
  mlir::Value either(mlir::Value a, mlir::Value b) { return mlir::arith::OrIOp::create(builder, loc, a, b); }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return mlir::arith::SelectOp::create(builder, loc, condition, a, b);
  }
  /// 0 or 1.
  mlir::Value asNumber(mlir::Value condition) { return mlir::arith::ExtUIOp::create(builder, loc, i(64), condition); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return mlir::arith::SubIOp::create(builder, loc, a, b); }
  mlir::Value least(mlir::Value a, mlir::Value b) { return mlir::arith::MinSIOp::create(builder, loc, a, b); }
  mlir::Value most(mlir::Value a, mlir::Value b) { return mlir::arith::MaxSIOp::create(builder, loc, a, b); }
  mlir::Value div(mlir::Value a, int64_t b) {
    return b == 1 ? a : mlir::arith::DivUIOp::create(builder, loc, a, constant(b));
  }
  /// The least multiple of the layout's align that holds `rows`.
  mlir::Value aligned(mlir::Value rows) {
    return shape.align == 1 ? rows : mul(div(add(rows, shape.align - 1), shape.align), shape.align);
  }
  /// For each number below `end`, by blocks and threads: so many threads a block that they wait for memory side by
  /// side, on several multiprocessors.
  void overExperts(int64_t end, const Body &body);

  /// The choices of `tokens` tokens of `given` from choice `first` on, in order, and where each is behind `first`, of
  /// 32 bits. Those of a token are asked for together.
  mlir::ValueRange walk(mlir::Value first, mlir::Value tokens, mlir::ValueRange init,
                        const std::function<llvm::SmallVector<mlir::Value>(mlir::Value choice, mlir::Value at,
                                                                           mlir::ValueRange values)> &step);

  using Then = std::function<void()>;
  void when(mlir::Value condition, const Then &then, const Then &otherwise = {});

  /// Tokens that have items, and chunks of all tokens.
  mlir::Value usedTokens();
  mlir::Value chunks() {
    mlir::Value all = div(add(number(), shape.chunkTokens() - 1), shape.chunkTokens());
    return most(all, constant(1));
  }

  /// Whether rows may be moved, and if not for too many of a rank, which (plus 1) and how many it has.
  struct Verdict {
    mlir::Value bad, over, overRows;
  };
  Verdict verdict();

private:
  mlir::func::FuncOp function;
};

/// The bodies, each in a file of its family. `emit...` writes all but the return.
void emitPlanCount(PlanBuilder &);
void emitPlanScan(PlanBuilder &);
void emitPlanMeet(PlanBuilder &);
void emitPlanOffsets(PlanBuilder &);
void emitPlanPlace(PlanBuilder &);
void emitPlanPad(PlanBuilder &);
void emitPlanWeigh(PlanBuilder &);

/// Their names behind that of the program (xfer::kernelName), in the order of faro_abi_plan_kernels.
inline constexpr llvm::StringLiteral PlanPadName = "_plan_pad"; ///< only where there is padding
inline constexpr llvm::StringLiteral PlanKernelNames[] = {"_plan_count", "_plan_scan", "_plan_meet", "_plan_offsets",
                                                          "_plan_place", PlanPadName,  "_plan_weigh"};

/// Whether a device can plan the batches of a program, and of those that are of it.
bool isPlannable(xfer::ProgramOp program);

} // namespace faro::compiler
