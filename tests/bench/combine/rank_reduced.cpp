// Each rank sums its own rows of a token first and sends one partial row per (token, rank), rounded to the row's type.
// The least that MPI can send; its result is not the exact sum.
#include "tests/bench/combine/combine_bench.h"
#include "tests/bench/dedupe_plan.h"

namespace faro::bench {
namespace {

class RankReduced : public Method {
public:
  explicit RankReduced(CombineBench &b)
      : Method("rank-reduced partials + Alltoallv + sum", Kind::Peer), bench(b), ones(MaxTopk, 1.0f) {}

  void plan() override { d = planDedupe(bench.problem, bench.comm); }

  void run() override {
    bench.sumRows(d.received(), bench.sent.data(), true, [&](size_t i, RowList &list) {
      list.count = 0;
      for (uint32_t c = d.first[i]; c < d.first[i + 1]; ++c)
        list.rows[list.count++] = bench.expertRow(d.row[c]);
      list.weights = &d.weight[d.first[i]];
    });
    MPI_Alltoallv(bench.sent.data(), d.receiveCount.data(), d.receiveOffset.data(), bench.rowType.get(),
                  bench.arrived.data(), d.sendCount.data(), d.sendOffset.data(), bench.rowType.get(), bench.comm);
    bench.sumRows(bench.problem.tokens(), bench.result.data(), true, [&](size_t t, RowList &list) {
      list.count = 0;
      for (uint32_t c = d.firstSent[t]; c < d.firstSent[t + 1]; ++c)
        list.rows[list.count++] = bench.arrived.data() + d.sentRow[c] * bench.bytes;
      list.weights = ones.data();
    });
  }

  Check check() override { return bench.checkRounded(); }

private:
  CombineBench &bench;
  std::vector<float> ones;
  DedupePlan d;
};

} // namespace

std::unique_ptr<Method> rankReduced(CombineBench &bench) { return std::make_unique<RankReduced>(bench); }

} // namespace faro::bench
