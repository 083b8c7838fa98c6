// MPI_Alltoallw with derived types: rows go from where the tokens lie to where the experts want them, and MPI does the
// permuting. The types depend on the routing, so making them is planning.
#include "tests/bench/dispatch/dispatch_bench.h"

namespace faro::bench {
namespace {

class Alltoallw : public Method {
public:
  explicit Alltoallw(DispatchBench &b) : Method("Alltoallw, hindexed types", Kind::Peer), bench(b) {}

  void plan() override {
    x = planExchange(bench.problem, bench.comm);
    send.clear();
    receive.clear();
    const MPI_Aint bytes = MPI_Aint(bench.bytes);
    size_t run = 0;
    for (size_t r = 0; r < size_t(bench.problem.ranks); ++r) {
      std::vector<MPI_Aint> from, to;
      std::vector<int> lengths;
      for (int i = 0; i < x.sendCount[r]; ++i)
        from.push_back(bytes * x.wireToken[size_t(x.sendOffset[r] + i)]);
      for (int i = 0; i < x.runsOfSource[r]; ++i, ++run) {
        to.push_back(bytes * MPI_Aint(x.unpack[run].to));
        lengths.push_back(int(x.unpack[run].rows));
      }
      send.add(from, {}, bench.rowType);
      receive.add(to, lengths, bench.rowType);
    }
  }

  void run() override {
    alltoallw(bench.tokens.data(), send, bench.out.data(), receive, bench.comm);
    bench.zeroPadding(x.experts);
  }

  Check check() override { return bench.check(bench.out.data(), x.experts.rows, bench.bytes); }

private:
  DispatchBench &bench;
  ExchangePlan x;
  TypePerRank send, receive;
};

} // namespace

std::unique_ptr<Method> dispatchAlltoallw(DispatchBench &bench) { return std::make_unique<Alltoallw>(bench); }

} // namespace faro::bench
