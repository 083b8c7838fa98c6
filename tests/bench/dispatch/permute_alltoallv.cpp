// What most people do: permute the tokens into the order of the wire, MPI_Alltoallv, permute the received rows into the
// order of the experts.
#include "tests/bench/dispatch/dispatch_bench.h"
#include "tests/bench/kernels.h"

#include <cstring>

namespace faro::bench {
namespace {

const char *nameOf(Permute permute) {
  switch (permute) {
  case Permute::Memcpy:
    return "permute + Alltoallv + permute";
  case Permute::Streaming:
    return "same, non-temporal permutes";
  case Permute::TokenMajor:
    return "same, token-major non-temporal permutes";
  }
  return "?";
}

class PermuteAlltoallv : public Method {
public:
  PermuteAlltoallv(DispatchBench &b, Permute p) : Method(nameOf(p), Kind::Peer), bench(b), permute(p) {}

  void plan() override { x = planExchange(bench.problem, bench.comm); }
  Check check() override { return bench.check(bench.out.data(), x.experts.rows, bench.bytes); }

  void run() override {
    const double start = MPI_Wtime();
    pack();
    const double packed = MPI_Wtime();
    MPI_Alltoallv(bench.sent.data(), x.sendCount.data(), x.sendOffset.data(), bench.rowType.get(), bench.arrived.data(),
                  x.receiveCount.data(), x.receiveOffset.data(), bench.rowType.get(), bench.comm);
    const double moved = MPI_Wtime();
    unpack();
    parts = {{"1 permute", packed - start}, {"2 Alltoallv", moved - packed}, {"3 permute", MPI_Wtime() - moved}};
  }

private:
  void copy(char *dst, const char *src, size_t bytes) const {
    permute == Permute::Memcpy ? void(std::memcpy(dst, src, bytes)) : copyStreaming(dst, src, bytes);
  }

  void pack() {
    const size_t bytes = bench.bytes;
    if (permute == Permute::TokenMajor) {
      char *places[MaxTopk];
      const size_t k = bench.problem.topkSize();
      for (size_t t = 0; t < bench.problem.tokens(); ++t) {
        for (size_t j = 0; j < k; ++j)
          places[j] = bench.sent.data() + x.wireRow[t * k + j] * bytes;
        replicateStreaming(places, k, bench.token(t), bytes);
      }
    } else {
      for (size_t i = 0; i < x.wireToken.size(); ++i)
        copy(bench.sent.data() + i * bytes, bench.token(x.wireToken[i]), bytes);
    }
    storeFence();
  }

  void unpack() {
    for (const Run &r : x.unpack)
      copy(bench.outRow(r.to), bench.arrived.data() + r.from * bench.bytes, r.rows * bench.bytes);
    bench.zeroPadding(x.experts);
    storeFence();
  }

  DispatchBench &bench;
  Permute permute;
  ExchangePlan x;
};

class AlltoallvAlone : public Method {
public:
  explicit AlltoallvAlone(DispatchBench &b) : Method("part: Alltoallv alone", Kind::Part), bench(b) {}
  void plan() override { x = planExchange(bench.problem, bench.comm); }
  void run() override {
    MPI_Alltoallv(bench.sent.data(), x.sendCount.data(), x.sendOffset.data(), bench.rowType.get(), bench.arrived.data(),
                  x.receiveCount.data(), x.receiveOffset.data(), bench.rowType.get(), bench.comm);
  }

private:
  DispatchBench &bench;
  ExchangePlan x;
};

} // namespace

std::unique_ptr<Method> permuteAlltoallv(DispatchBench &bench, Permute permute) {
  return std::make_unique<PermuteAlltoallv>(bench, permute);
}

std::unique_ptr<Method> dispatchAlltoallvAlone(DispatchBench &bench) { return std::make_unique<AlltoallvAlone>(bench); }

} // namespace faro::bench
