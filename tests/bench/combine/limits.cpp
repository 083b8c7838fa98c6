// The machine's own bounds: each rank reads k rows and writes one for each of its tokens, in private memory, in order,
// with nobody to wait for. No combine can avoid that; the best way of doing just that is the bound.
#include "tests/bench/combine/combine_bench.h"
#include "tests/bench/limit.h"

namespace faro::bench {
namespace {

void sumNextAhead(CombineBench &b) { b.sumItems(b.arrived.data(), true, Ahead::NextToken); }
void sumNearAhead(CombineBench &b) { b.sumItems(b.arrived.data(), true, Ahead::Near); }
void sumInOrderPlain(CombineBench &b) { b.sumItems(b.arrived.data(), false); }

void readInOrder(CombineBench &b) {
  const size_t k = b.problem.topkSize();
  RowList now, next;
  auto find = [&](size_t t, RowList &list) {
    list.count = int(k);
    for (size_t j = 0; j < k; ++j)
      list.rows[j] = b.arrived.data() + (t * k + j) * b.bytes;
    list.weights = &b.problem.weights[t * k];
  };
  for (size_t t = 0; t < b.problem.tokens(); ++t) {
    find(t, now);
    find(t + 1 < b.problem.tokens() ? t + 1 : t, next);
    orRows(b.resultRow(t), now, next, b.bytes);
  }
  storeFence();
}

void readOnly(CombineBench &b) { readAll(b.arrived.data(), b.problem.options.items() * b.bytes); }

} // namespace

void addCombineLimits(CombineBench &bench, Methods &methods) {
  addLimit(methods, bench, "read k rows, write one: no arithmetic", Kind::Bound, readInOrder);
  addLimit(methods, bench, "read k rows, write one: weighted sum, next token's lines ahead", Kind::Bound, sumNextAhead);
  addLimit(methods, bench, "read k rows, write one: weighted sum, near lines ahead", Kind::Bound, sumNearAhead);
  addLimit(methods, bench, "read k rows, write one: weighted sum, plain stores",
           bench.problem.options.streams() ? Kind::Limit : Kind::Bound, sumInOrderPlain);
  addLimit(methods, bench, "read the same bytes, nothing written", Kind::Limit, readOnly);
}

} // namespace faro::bench
