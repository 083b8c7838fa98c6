// The fewest copies that MPI allows, and the best MPI way known: MPI_Alltoallw takes a token from where it lies
// straight to the first of its final rows on each rank, without staging; only its further rows there are copied.
#include "tests/bench/dedupe_plan.h"
#include "tests/bench/dispatch/dispatch_bench.h"
#include "tests/bench/kernels.h"

namespace faro::bench {
namespace {

class DedupedInPlace : public Method {
public:
  explicit DedupedInPlace(DispatchBench &b)
      : Method("rank-deduped Alltoallw in place + replicate", Kind::Peer), bench(b) {}

  void plan() override {
    d = planDedupe(bench.problem, bench.comm);
    send.clear();
    receive.clear();
    const MPI_Aint bytes = MPI_Aint(bench.bytes);
    for (size_t r = 0; r < size_t(bench.problem.ranks); ++r) {
      std::vector<MPI_Aint> from, to;
      for (int i = 0; i < d.sendCount[r]; ++i)
        from.push_back(bytes * d.sendToken[size_t(d.sendOffset[r] + i)]);
      for (int i = 0; i < d.receiveCount[r]; ++i)
        to.push_back(bytes * d.row[d.first[size_t(d.receiveOffset[r] + i)]]);
      send.add(from, {}, bench.rowType);
      receive.add(to, {}, bench.rowType);
    }
  }

  void run() override {
    alltoallw(bench.tokens.data(), send, bench.out.data(), receive, bench.comm);
    char *places[MaxTopk];
    for (size_t i = 0; i < d.received(); ++i) {
      size_t n = 0;
      for (uint32_t c = d.first[i] + 1; c < d.first[i + 1]; ++c)
        places[n++] = bench.outRow(d.row[c]);
      replicateStreaming(places, n, bench.outRow(d.row[d.first[i]]), bench.bytes);
    }
    bench.zeroPadding(d.experts);
    storeFence();
  }

  Check check() override { return bench.check(bench.out.data(), d.experts.rows, bench.bytes); }

private:
  DispatchBench &bench;
  DedupePlan d;
  TypePerRank send, receive;
};

} // namespace

std::unique_ptr<Method> dedupedAlltoallwInPlace(DispatchBench &bench) {
  return std::make_unique<DedupedInPlace>(bench);
}

} // namespace faro::bench
