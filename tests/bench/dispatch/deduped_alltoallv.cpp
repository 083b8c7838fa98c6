// One copy per (token, rank) by MPI_Alltoallv, replicated by its receiver to the rows of its experts.
#include "tests/bench/dedupe_plan.h"
#include "tests/bench/dispatch/dispatch_bench.h"
#include "tests/bench/kernels.h"

namespace faro::bench {
namespace {

class DedupedAlltoallv : public Method {
public:
  explicit DedupedAlltoallv(DispatchBench &b) : Method("rank-deduped Alltoallv + replicate", Kind::Peer), bench(b) {}

  void plan() override { d = planDedupe(bench.problem, bench.comm); }

  void run() override {
    const size_t bytes = bench.bytes;
    for (size_t i = 0; i < d.sendToken.size(); ++i)
      copyStreaming(bench.sent.data() + i * bytes, bench.token(d.sendToken[i]), bytes);
    storeFence();
    MPI_Alltoallv(bench.sent.data(), d.sendCount.data(), d.sendOffset.data(), bench.rowType.get(), bench.arrived.data(),
                  d.receiveCount.data(), d.receiveOffset.data(), bench.rowType.get(), bench.comm);
    char *places[MaxTopk];
    for (size_t i = 0; i < d.received(); ++i) {
      size_t n = 0;
      for (uint32_t c = d.first[i]; c < d.first[i + 1]; ++c)
        places[n++] = bench.outRow(d.row[c]);
      replicateStreaming(places, n, bench.arrived.data() + i * bytes, bytes);
    }
    bench.zeroPadding(d.experts);
    storeFence();
  }

  Check check() override { return bench.check(bench.out.data(), d.experts.rows, bench.bytes); }

private:
  DispatchBench &bench;
  DedupePlan d;
};

} // namespace

std::unique_ptr<Method> dedupedAlltoallv(DispatchBench &bench) { return std::make_unique<DedupedAlltoallv>(bench); }

} // namespace faro::bench
