// What most people do: permute the rows of the experts into the order of the wire, MPI_Alltoallv, weighted sum.
#include "tests/bench/combine/combine_bench.h"

#include <cstring>

namespace faro::bench {
namespace {

const char *nameOf(Unpermute unpermute) {
  switch (unpermute) {
  case Unpermute::Folded:
    return "permute + Alltoallv + weighted sum";
  case Unpermute::FoldedStreaming:
    return "same, non-temporal permute and result";
  case Unpermute::Separate:
    return "permute + Alltoallv + unpermute + weighted sum";
  }
  return "?";
}

class PermuteAlltoallvSum : public Method {
public:
  PermuteAlltoallvSum(CombineBench &b, Unpermute u) : Method(nameOf(u), Kind::Peer), bench(b), unpermute(u) {}

  void plan() override { x = planExchange(bench.problem, bench.comm); }
  Check check() override { return bench.checkExact(); }

  void run() override {
    const double start = MPI_Wtime();
    pack();
    const double packed = MPI_Wtime();
    // Backwards: what dispatch received is sent.
    MPI_Alltoallv(bench.sent.data(), x.receiveCount.data(), x.receiveOffset.data(), bench.rowType.get(),
                  bench.arrived.data(), x.sendCount.data(), x.sendOffset.data(), bench.rowType.get(), bench.comm);
    const double moved = MPI_Wtime();
    unpermute == Unpermute::Separate ? unpermuteThenSum() : sumWhereArrived();
    parts = {{"1 permute", packed - start}, {"2 Alltoallv", moved - packed}, {"3 sum", MPI_Wtime() - moved}};
  }

private:
  bool streaming() const { return unpermute == Unpermute::FoldedStreaming; }

  void pack() {
    for (const Run &r : x.unpack) {
      char *dst = bench.sent.data() + r.from * bench.bytes;
      if (streaming())
        copyStreaming(dst, bench.expertRow(r.to), r.rows * bench.bytes);
      else
        std::memcpy(dst, bench.expertRow(r.to), r.rows * bench.bytes);
    }
    storeFence();
  }

  void sumWhereArrived() {
    const size_t k = bench.problem.topkSize();
    bench.sumRows(bench.problem.tokens(), bench.result.data(), streaming(), [&](size_t t, RowList &list) {
      for (size_t j = 0; j < k; ++j)
        list.rows[j] = bench.arrived.data() + x.wireRow[t * k + j] * bench.bytes;
      list.weights = &bench.problem.weights[t * k];
      list.count = int(k);
    });
  }

  void unpermuteThenSum() {
    for (size_t i = 0; i < x.wireRow.size(); ++i)
      std::memcpy(bench.sent.data() + i * bench.bytes, bench.arrived.data() + x.wireRow[i] * bench.bytes, bench.bytes);
    bench.sumItems(bench.sent.data(), false);
  }

  CombineBench &bench;
  Unpermute unpermute;
  ExchangePlan x;
};

} // namespace

std::unique_ptr<Method> permuteAlltoallvSum(CombineBench &bench, Unpermute unpermute) {
  return std::make_unique<PermuteAlltoallvSum>(bench, unpermute);
}

} // namespace faro::bench
