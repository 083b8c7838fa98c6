// Plan kernels behind the ranks' meeting: lists for push and pull, padding, weights.
#include "compiler/Codegen/EmitPlan.h"

namespace faro::compiler {

using namespace mlir;

namespace {

/// What the caller's grouped GEMM reads, of one of this rank's experts.
void emitResult(PlanBuilder &k, Value expert, const PlanBuilder::Verdict &verdict) {
  Value rank = k.field(AREA(rank)), firsts = k.array(AREA(first_of_rank)), zero = k.constant(0);
  Value owner = k.elementU32(k.array(AREA(owner)), expert);
  k.when(k.is(owner, PlanBuilder::Predicate::eq, rank), [&] {
    Value first = k.elementU32(firsts, rank), position = k.elementU32(k.array(AREA(position)), expert);
    Value local = k.sub(position, first), offsets = k.array(AREA(expert_offsets));
    // Nothing was moved: no rows.
    const auto orNone = [&](Value value) { return k.select(verdict.bad, zero, value); };
    k.set64(orNone(k.element64(k.array(AREA(starts)), expert)), offsets, local);
    Value count = orNone(k.element64(k.array(AREA(totals)), expert));
    k.set64(count, k.array(AREA(expert_counts)), local);
    Value next = k.add(position, 1);
    k.when(k.is(next, PlanBuilder::Predicate::eq, k.elementU32(firsts, k.add(rank, 1))), [&] {
      Value end = orNone(k.element64(k.array(AREA(rows)), rank));
      k.set64(end, offsets, k.add(local, 1));
    });
  });
}

} // namespace

//   for each chunk of tokens                              blocks
//     entry = items of the chunks before
//     for each expert                                     threads
//       row = bases + those of them that name the expert
//       for each choice of the chunk that names one
//         where it names this: its row and its index, at entry; row + 1
//         entry + 1
//     offsets of the chunk's tokens                       by one more thread
void emitPlanPlace(PlanBuilder &k) {
  const int64_t E = k.shape.experts, K = k.shape.topk, tokens = k.shape.chunkTokens();
  const PlanBuilder::Verdict verdict = k.verdict();
  Value zero = k.constant(0), used = k.select(verdict.bad, zero, k.usedTokens()), chunks = k.chunks();
  Value counts = k.array(AREA(counts)), offsets = k.array(AREA(list_offsets)), choices = k.array(AREA(choices)),
        destinations = k.array(AREA(destinations)), sources = k.array(AREA(sources)), status = k.array(AREA(status));
  const auto isItem = [&](Value at) {
    return k.is(k.element64(k.given(), at), PlanBuilder::Predicate::ult, k.constant(E));
  };
  k.overBlocks(zero, chunks, [&](Value chunk) {
    Value begin = k.mul(chunk, tokens), end = k.least(k.add(begin, tokens), k.number()), usedEnd = k.least(end, used);
    Value before = k.mul(chunk, E + 1);
    Value entry = k.select(verdict.bad, zero, k.elementU32(counts, k.add(before, E)));
    Value isFirst = k.is(chunk, PlanBuilder::Predicate::eq, zero);
    k.overThreads(E + 1, 1, [&](Value expert) {
      const auto place = [&] {
        Value owner = k.elementU32(k.array(AREA(owner)), expert);
        Value to = k.element64(k.array(AREA(received)), owner), from = k.element64(k.array(AREA(outputs)), owner);
        Value base = k.element64(k.array(AREA(bases)), expert);
        Value row = k.add(base, k.elementU32(counts, k.add(before, expert)));
        Value firstItem = k.mul(begin, K), endItem = k.mul(usedEnd, K);
        k.fold(firstItem, endItem, {entry, row}, [&](Value at, ValueRange values) {
          Value choice = k.element64(k.given(), at);
          Value mine = k.is(choice, PlanBuilder::Predicate::eq, expert);
          k.when(mine, [&] {
            Value bytes = k.mul(values[1], k.shape.stride);
            k.set64(k.add(to, bytes), destinations, values[0]);
            k.set64(k.add(from, bytes), sources, values[0]);
            k.set32(at, choices, values[0]);
          });
          Value valid = k.is(choice, PlanBuilder::Predicate::ult, k.constant(E));
          return SmallVector<Value>{k.add(values[0], k.asNumber(valid)), k.add(values[1], k.asNumber(mine))};
        });
        k.when(isFirst, [&] { emitResult(k, expert, verdict); });
      };
      const auto list = [&] {
        Value last = k.fold(begin, end, entry, [&](Value token, ValueRange at) {
          k.set32(at[0], offsets, token);
          Value own = k.mul(token, K);
          Value isUsed = k.is(token, PlanBuilder::Predicate::slt, used);
          Value ownEnd = k.select(isUsed, k.add(own, K), own);
          return SmallVector<Value>(k.fold(own, ownEnd, at[0], [&](Value choice, ValueRange sum) {
            return SmallVector<Value>{k.add(sum[0], k.asNumber(isItem(choice)))};
          }));
        })[0];
        k.when(k.is(end, PlanBuilder::Predicate::eq, k.number()), [&] { k.set32(last, offsets, end); });
        Value known = k.element64(status, k.constant(FARO_ABI_PLAN_OVERFULL));
        Value isNew = k.is(known, PlanBuilder::Predicate::eq, zero);
        Value isFull = k.is(verdict.over, PlanBuilder::Predicate::ne, zero);
        k.when(k.both(isFirst, k.both(isNew, isFull)), [&] {
          k.set64(verdict.over, status, k.constant(FARO_ABI_PLAN_OVERFULL));
          k.set64(verdict.overRows, status, k.constant(FARO_ABI_PLAN_OVER_ROWS));
        });
      };
      k.when(k.is(expert, PlanBuilder::Predicate::ult, k.constant(E)), place, list);
    });
  });
}

//   for each row between a group's items and its end      blocks
//     zeros                                               threads
void emitPlanPad(PlanBuilder &k) {
  const int64_t most = k.shape.align - 1; // padding rows of a group
  const PlanBuilder::Verdict verdict = k.verdict();
  Value rank = k.field(AREA(rank)), firsts = k.array(AREA(first_of_rank)), zero = k.constant(0);
  Value first = k.elementU32(firsts, rank), experts = k.sub(k.elementU32(firsts, k.add(rank, 1)), first);
  Value window = k.elementAddr(k.array(AREA(received)), rank);
  k.overBlocks(zero, k.select(verdict.bad, zero, k.mul(experts, most)), [&](Value at) {
    Value local = k.div(at, most), behind = k.sub(at, k.mul(local, most));
    Value expert = k.elementU32(k.array(AREA(experts_by)), k.add(first, local));
    Value start = k.element64(k.array(AREA(starts)), expert), total = k.element64(k.array(AREA(totals)), expert);
    Value row = k.add(k.add(start, total), behind);
    k.when(k.is(row, PlanBuilder::Predicate::ult, k.add(start, k.aligned(total))), [&] {
      Value to = k.offset(window, k.mul(row, k.shape.stride));
      const int64_t width = alignmentOf({16, k.shape.stride});
      Type type = width < 4 ? k.i(unsigned(8 * width)) : Type(k.vectorOf(width / 4, k.i(32)));
      k.overThreads(k.shape.stride, width, [&](Value byte) { k.store(k.zero(type), to, byte, width, false); });
    });
  });
}

//   for each entry of the lists                           blocks and threads
//     weights[entry] = the caller's, of the entry's choice
void emitPlanWeigh(PlanBuilder &k) {
  constexpr int64_t Group = 256;
  Value choices = k.array(AREA(choices)), weights = k.array(AREA(weights));
  Value entries = k.elementU32(k.array(AREA(list_offsets)), k.number());
  k.overBlocks(k.constant(0), k.div(k.add(entries, Group - 1), Group), [&](Value group) {
    k.overThreads(Group, 1, [&](Value thread) {
      Value entry = k.add(k.mul(group, Group), thread);
      k.when(k.is(entry, PlanBuilder::Predicate::ult, entries), [&] {
        Value weight = k.element(k.given(), k.elementU32(choices, entry), k.builder.getF32Type());
        k.store(weight, weights, k.mul(entry, 4), 4, /*streaming=*/false);
      });
    });
  });
}

} // namespace faro::compiler
