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
//     for each of its choices                             threads
//       entry = items of the chunks before, and of this one before the choice
//       where a token begins, its list does: offsets of the token = entry
//       where the choice names an expert
//         row = bases + items of the expert in the chunks before, and in this one before the choice
//         where it is and the choice's index, at entry
void emitPlanPlace(PlanBuilder &k) {
  const int64_t E = k.shape.experts, K = k.shape.topk, tokens = k.shape.chunkTokens();
  const PlanBuilder::Verdict verdict = k.verdict();
  Value zero = k.constant(0), none = k.constant32(0), used = k.select(verdict.bad, zero, k.usedTokens());
  Value counts = k.array(AREA(counts)), offsets = k.array(AREA(list_offsets)), choices = k.array(AREA(choices)),
        destinations = k.array(AREA(destinations)), sources = k.array(AREA(sources)), status = k.array(AREA(status));
  const auto isValid = [&](Value choice) { return k.is(choice, PlanBuilder::Predicate::ult, k.constant(E)); };
  k.overBlocks(zero, k.chunks(), [&](Value chunk) {
    Value begin = k.mul(chunk, tokens), end = k.least(k.add(begin, tokens), k.number());
    Value first = k.mul(begin, K), all = k.sub(k.mul(end, K), first);
    Value whole = k.most(k.sub(k.least(end, used), begin), zero); // tokens that have items
    Value counted = k.mul(chunk, E + 1);
    Value entries = k.select(verdict.bad, none, k.element32(counts, k.add(counted, E)));
    Value isLast = k.is(end, PlanBuilder::Predicate::eq, k.number());
    k.overThreads(all, [&](Value at) {
      Value index = k.add(first, at), choice = k.element64(k.given(), index), own = k.to32(choice);
      Value token = k.div(at, K), begins = k.mul(token, K), behind = k.to32(k.sub(at, begins));
      Value hasItems = k.is(token, PlanBuilder::Predicate::slt, whole);
      // What names an expert, and what names the same one: in the tokens before its own, and before it in that.
      const auto count = [&](Value found, Value counts, ValueRange values) {
        Value same = k.both(counts, k.is(k.to32(found), PlanBuilder::Predicate::eq, own));
        return SmallVector<Value>{k.countIf(counts, values[0]), k.countIf(same, values[1])};
      };
      ValueRange before =
          k.walk(first, k.least(token, whole), {entries, none},
                 [&](Value found, Value, ValueRange values) { return count(found, isValid(found), values); });
      if (K > 1)
        before =
            k.walk(k.add(first, begins), k.asNumber(hasItems), before, [&](Value found, Value at, ValueRange values) {
              return count(found, k.both(isValid(found), k.is(at, PlanBuilder::Predicate::ult, behind)), values);
            });
      Value entry = k.to64(before[0]), isItem = k.both(isValid(choice), hasItems);
      Value after = k.countIf(isItem, before[0]);
      k.when(isItem, [&] {
        Value owner = k.elementU32(k.array(AREA(owner)), choice);
        Value row = k.add(k.element64(k.array(AREA(bases)), choice),
                          k.add(k.elementU32(counts, k.add(counted, choice)), k.to64(before[1])));
        Value bytes = k.mul(row, k.shape.stride);
        k.set64(k.add(k.element64(k.array(AREA(received)), owner), bytes), destinations, entry);
        k.set64(k.add(k.element64(k.array(AREA(outputs)), owner), bytes), sources, entry);
        k.set32(index, choices, entry);
      });
      k.when(k.is(begins, PlanBuilder::Predicate::eq, at), [&] { k.set32(before[0], offsets, k.add(begin, token)); });
      Value isEnd = k.is(k.add(at, 1), PlanBuilder::Predicate::eq, all);
      k.when(k.both(isLast, isEnd), [&] { k.set32(after, offsets, k.number()); });
    });
    k.when(k.is(chunk, PlanBuilder::Predicate::eq, zero), [&] {
      k.overThreads(E, 1, [&](Value expert) { emitResult(k, expert, verdict); });
      k.overThreads(1, 1, [&](Value) {
        k.when(k.is(k.number(), PlanBuilder::Predicate::eq, zero), [&] { k.set32(none, offsets, zero); });
        Value known = k.element64(status, k.constant(FARO_ABI_PLAN_OVERFULL));
        Value isNew = k.is(known, PlanBuilder::Predicate::eq, zero);
        k.when(k.both(isNew, k.is(verdict.over, PlanBuilder::Predicate::ne, zero)), [&] {
          k.set64(verdict.over, status, k.constant(FARO_ABI_PLAN_OVERFULL));
          k.set64(verdict.overRows, status, k.constant(FARO_ABI_PLAN_OVER_ROWS));
        });
      });
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
