// MPI_Alltoallw takes the rows of the experts from where they lie to [T, K, H]; then the weighted sum.
#include "tests/bench/combine/combine_bench.h"

namespace faro::bench {
namespace {

class AlltoallwSum : public Method {
public:
  explicit AlltoallwSum(CombineBench &b) : Method("Alltoallw, hindexed types + weighted sum", Kind::Peer), bench(b) {}

  void plan() override {
    x = planExchange(bench.problem, bench.comm);
    send.clear();
    receive.clear();
    const MPI_Aint bytes = MPI_Aint(bench.bytes);
    std::vector<MPI_Aint> itemOfWire(x.wireRow.size());
    for (size_t i = 0; i < x.wireRow.size(); ++i)
      itemOfWire[x.wireRow[i]] = MPI_Aint(i);
    size_t run = 0;
    for (size_t r = 0; r < size_t(bench.problem.ranks); ++r) {
      std::vector<MPI_Aint> from, to;
      std::vector<int> lengths;
      for (int i = 0; i < x.runsOfSource[r]; ++i, ++run) {
        from.push_back(bytes * MPI_Aint(x.unpack[run].to));
        lengths.push_back(int(x.unpack[run].rows));
      }
      for (int i = 0; i < x.sendCount[r]; ++i)
        to.push_back(bytes * itemOfWire[size_t(x.sendOffset[r] + i)]);
      send.add(from, lengths, bench.rowType);
      receive.add(to, {}, bench.rowType);
    }
  }

  void run() override {
    alltoallw(bench.rows.data(), send, bench.arrived.data(), receive, bench.comm);
    bench.sumItems(bench.arrived.data(), true);
  }

  Check check() override { return bench.checkExact(); }

private:
  CombineBench &bench;
  ExchangePlan x;
  TypePerRank send, receive;
};

} // namespace

std::unique_ptr<Method> combineAlltoallw(CombineBench &bench) { return std::make_unique<AlltoallwSum>(bench); }

} // namespace faro::bench
