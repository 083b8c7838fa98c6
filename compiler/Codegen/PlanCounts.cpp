// Plan kernels before and at the ranks' meeting: counts, prefix sums, signals, first rows.
#include "compiler/Codegen/EmitPlan.h"

namespace faro::compiler {

using namespace mlir;

//   for each chunk of tokens                             blocks
//     for each expert, and for all of them together      threads
//       counts[chunk][expert] = choices in the chunk that name it
//       faults[chunk]         = the first that names none         by the last thread alone
void emitPlanCount(PlanBuilder &k) {
  const int64_t E = k.shape.experts, K = k.shape.topk, tokens = k.shape.chunkTokens();
  Value used = k.usedTokens(), chunks = k.chunks(), counts = k.array(AREA(counts)), faults = k.array(AREA(faults));
  Value zero = k.constant(0), none = k.constant32(0), noFault = k.constant32(-1);
  k.overBlocks(zero, chunks, [&](Value chunk) {
    Value begin = k.mul(chunk, tokens), own = k.sub(k.least(k.add(begin, tokens), used), begin);
    Value first = k.mul(begin, K), counted = k.mul(chunk, E + 1);
    k.overThreads(E + 1, 1, [&](Value expert) {
      k.when(
          k.is(expert, PlanBuilder::Predicate::ult, k.constant(E)),
          [&] {
            Value named = k.walk(first, own, none, [&](Value choice, Value, ValueRange sum) {
              return SmallVector<Value>{k.countIf(k.is(choice, PlanBuilder::Predicate::eq, expert), sum[0])};
            })[0];
            k.set32(named, counts, k.add(counted, expert));
          },
          [&] {
            // Faults count from the chunk's first choice; as unsigned numbers, none is the largest.
            ValueRange found = k.walk(first, own, {none, noFault}, [&](Value choice, Value at, ValueRange values) {
              Value valid = k.is(choice, PlanBuilder::Predicate::ult, k.constant(E));
              Value known = k.either(valid, k.is(choice, PlanBuilder::Predicate::eq, k.constant(-1)));
              Value fault = k.select(known, noFault, at);
              return SmallVector<Value>{k.countIf(valid, values[0]),
                                        arith::MinUIOp::create(k.builder, k.loc, values[1], fault).getResult()};
            });
            k.set32(found[0], counts, k.add(counted, E));
            Value fault = k.add(k.add(first, k.to64(found[1])), 1);
            k.set64(k.select(k.is(found[1], PlanBuilder::Predicate::eq, noFault), zero, fault), faults, chunk);
          });
    });
  });
}

//   for each expert, and for all of them together        blocks and threads
//     counts[chunk][expert] = those of the chunks before
//     board of every rank [this rank][the expert's place] = those of all chunks
// Several chunks at a time: their counts are asked for before any is stored. A rank's experts lie side by side on a
// board: who adds them up walks along it.
void emitPlanScan(PlanBuilder &k) {
  constexpr int64_t Group = FARO_ABI_PLAN_CHUNKS;
  const int64_t E = k.shape.experts;
  Value chunks = k.chunks(), counts = k.array(AREA(counts)), faults = k.array(AREA(faults)),
        boards = k.array(AREA(boards)), status = k.array(AREA(status)), rank = k.field(AREA(rank)),
        ranks = k.field(AREA(ranks)), positions = k.array(AREA(position)), zero = k.constant(0), none = k.constant32(0);
  Value row = k.mul(rank, E), groups = k.div(k.add(chunks, Group - 1), Group);
  // Chunk `i` of a group, and its value: behind the last chunk are those of another batch, or none.
  const auto ofChunk = [&](Value group, int64_t i, auto load) -> Value {
    Value chunk = k.add(k.mul(group, Group), i), isThere = k.is(chunk, PlanBuilder::Predicate::ult, chunks);
    Value value = load(chunk);
    return k.select(isThere, value, k.zero(value.getType()));
  };
  k.overExperts(E + 1, [&](Value expert) {
    Value total = k.fold(zero, groups, none, [&](Value group, ValueRange before) {
      SmallVector<Value> places, found;
      for (int64_t i = 0; i < Group; ++i)
        found.push_back(ofChunk(group, i, [&](Value chunk) {
          places.push_back(k.add(k.mul(chunk, E + 1), expert));
          return k.element32(counts, places.back());
        }));
      Value sum = before[0];
      for (const auto &[place, count] : llvm::zip(places, found)) {
        k.set32(sum, counts, place);
        sum = k.add(sum, count);
      }
      return SmallVector<Value>{sum};
    })[0];
    k.when(
        k.is(expert, PlanBuilder::Predicate::ult, k.constant(E)),
        [&] {
          Value at = k.add(row, k.elementU32(positions, expert));
          k.loop(zero, ranks, [&](Value peer) { k.set32(total, k.elementAddr(boards, peer), at); });
        },
        [&] {
          Value first = k.fold(zero, groups, zero, [&](Value group, ValueRange before) {
            SmallVector<Value> found{before[0]};
            for (int64_t i = 0; i < Group; ++i)
              found.push_back(ofChunk(group, i, [&](Value chunk) { return k.element64(faults, chunk); }));
            Value fault = found.back();
            for (Value earlier : llvm::reverse(ArrayRef(found).drop_back()))
              fault = k.select(k.is(earlier, PlanBuilder::Predicate::ne, zero), earlier, fault);
            return SmallVector<Value>{fault};
          })[0];
          Value known = k.element64(status, k.constant(FARO_ABI_PLAN_FAULT));
          Value fault = k.select(k.is(known, PlanBuilder::Predicate::eq, zero), first, known);
          k.set64(fault, status, k.constant(FARO_ABI_PLAN_FAULT));
        });
  });
}

//   for each rank: sent = sent + 1; its word for me = sent          threads; all are told before anybody waits
//   for each rank: until its word in mine is >= sent, or it is late
//
// Words count up, so that a peer that is one meeting ahead is there, too. A rank that has waited in vain tells nobody
// anything any more: what it did not move is missing elsewhere, and the others find out the same way.
void emitPlanMeet(PlanBuilder &k) {
  OpBuilder &b = k.builder;
  Value rank = k.field(AREA(rank)), ranks = k.field(AREA(ranks)), signals = k.array(AREA(signals)),
        sent = k.array(AREA(sent)), status = k.array(AREA(status)), timeout = k.field(AREA(timeout)),
        zero = k.constant(0);
  Value first = k.mul(k.number(), ranks); // of the meeting's words
  // A thread may have waited in vain before another of its launch has begun.
  Value broken = k.constant(FARO_ABI_PLAN_BROKEN * 8);
  Value whole = k.is(xfer::PollOp::create(b, k.loc, status, broken), PlanBuilder::Predicate::eq, zero);
  Value mine = k.elementAddr(signals, rank);
  k.overBlocks(zero, k.constant(1), [&](Value) {
    k.overThreads(ranks, [&](Value peer) {
      k.when(whole, [&] {
        Value mark = k.add(first, peer), word = k.add(k.element64(sent, mark), 1);
        k.set64(word, sent, mark);
        Value theirs = k.elementAddr(signals, peer), at = k.mul(k.add(first, rank), 8);
        xfer::SignalOp::create(b, k.loc, word, theirs, at);
      });
    });
    k.overThreads(ranks, [&](Value peer) {
      k.when(whole, [&] {
        Value word = k.element64(sent, k.add(first, peer)), at = k.mul(k.add(first, peer), 8);
        Value begin = xfer::ClockOp::create(b, k.loc);
        auto wait = scf::WhileOp::create(
            b, k.loc, TypeRange{b.getI1Type()}, ValueRange(),
            [&](OpBuilder &, Location, ValueRange) {
              Value there = k.is(xfer::PollOp::create(b, k.loc, mine, at), PlanBuilder::Predicate::uge, word);
              Value waited = k.sub(xfer::ClockOp::create(b, k.loc), begin);
              Value patient = k.is(waited, PlanBuilder::Predicate::ult, timeout);
              Value missing = k.is(k.asNumber(there), PlanBuilder::Predicate::eq, zero);
              scf::ConditionOp::create(b, k.loc, k.both(missing, patient), there);
            },
            [&](OpBuilder &, Location, ValueRange) { scf::YieldOp::create(b, k.loc); });
        k.when(
            wait.getResult(0), [] {},
            [&] {
              Value why = k.add(k.number(), 1), who = k.add(peer, FARO_ABI_PLAN_STATUS), one = k.constant(1);
              k.set64(why, status, who);
              xfer::SignalOp::create(b, k.loc, one, status, broken);
            });
      });
    });
  });
}

//   for each expert, by its place on a board                blocks and threads
//     starts = aligned items of the experts before it on its rank
//     bases  = starts + items of the ranks before this one
// Every rank finds this for all experts: it stores rows everywhere. Several experts at a time are added up, so that
// their reads are under way together.
void emitPlanOffsets(PlanBuilder &k) {
  constexpr int64_t Abreast = 8;
  const int64_t E = k.shape.experts;
  Value rank = k.field(AREA(rank)), ranks = k.field(AREA(ranks)), owners = k.array(AREA(owner)),
        expertsBy = k.array(AREA(experts_by)), firsts = k.array(AREA(first_of_rank)), starts = k.array(AREA(starts)),
        totals = k.array(AREA(totals)), bases = k.array(AREA(bases)), rows = k.array(AREA(rows)), zero = k.constant(0),
        none = k.constant32(0);
  Value board = k.elementAddr(k.array(AREA(boards)), rank);
  // Items of sources [begin, end) for each of the experts at `many` places from `place` on.
  const auto items = [&](Value begin, Value end, Value place, int64_t many) -> ValueRange {
    return k.fold(begin, end, SmallVector<Value>(many, none), [&](Value source, ValueRange sums) {
      Value at = k.add(k.mul(source, E), place);
      SmallVector<Value> added;
      for (int64_t i = 0; i < many; ++i)
        added.push_back(k.add(sums[i], k.element32(board, k.add(at, i))));
      return added;
    });
  };
  // Rows of the groups at places [begin, begin + steps x many), added to `init`.
  const auto rowsOf = [&](Value begin, Value steps, int64_t many, Value init) -> Value {
    return k.fold(zero, steps, init, [&](Value step, ValueRange sum) {
      Value all = sum[0];
      for (Value found : items(zero, ranks, k.add(begin, k.mul(step, many)), many))
        all = k.add(all, k.aligned(k.to64(found)));
      return SmallVector<Value>{all};
    })[0];
  };
  k.overExperts(E, [&](Value place) {
    Value expert = k.elementU32(expertsBy, place), owner = k.elementU32(owners, expert);
    Value first = k.elementU32(firsts, owner), before = k.sub(place, first);
    Value steps = k.div(before, Abreast), walked = k.mul(steps, Abreast);
    Value start = rowsOf(first, steps, Abreast, zero);
    start = rowsOf(k.add(first, walked), k.sub(before, walked), 1, start);
    Value mine = k.to64(items(zero, rank, place, 1)[0]);
    Value total = k.add(mine, k.to64(items(rank, ranks, place, 1)[0]));
    k.set64(start, starts, expert);
    k.set64(total, totals, expert);
    k.set64(k.add(start, mine), bases, expert);
    Value next = k.add(place, 1);
    k.when(k.is(next, PlanBuilder::Predicate::eq, k.elementU32(firsts, k.add(owner, 1))),
           [&] { k.set64(k.add(start, k.aligned(total)), rows, owner); });
  });
}

} // namespace faro::compiler
