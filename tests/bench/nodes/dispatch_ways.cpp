#include "tests/bench/nodes/dispatch_ways.h"

#include "tests/bench/kernels.h"

namespace faro::bench {
namespace {

class DispatchWay final : public Way {
public:
  DispatchWay(NodesDispatch &b, Dedupe d, Staging s) : Way(b.nodes, d, s, "row"), bench(b) {}

  Check check() override { return bench.checkRows(); }

  void run() override {
    nextLocal = 0;
    exchangeRows(/*workMeanwhile=*/true);
    if (staging == Staging::Passes)
      unpack();
    bench.zeroPadding();
    storeFence();
  }

private:
  void makeRow(const Edge &edge, size_t i, char *to) override {
    copyStreaming(to, bench.token(edge.token[i]), bytes());
  }

  Segments slice(size_t to, size_t first, size_t count) override {
    Segments segments;
    for (size_t i = first; i < first + count; ++i)
      segments.push_back({bench.token(traffic.out[to].token[i]), bytes()});
    return segments;
  }

  void come(const SliceHeader &header, const char *data) override {
    if (staging == Staging::Passes)
      return copyStreaming(stagedIn(header.from, header.first), data, header.rows * bytes());
    for (size_t i = 0; i < header.rows; ++i)
      fanOut(traffic.in[header.from], header.first + i, data + i * bytes());
  }

  void unpack() {
    for (size_t r = 0; r < traffic.in.size(); ++r)
      for (size_t i = 0; i < traffic.in[r].rows(); ++i)
        fanOut(traffic.in[r], i, stagedIn(r, i));
  }

  void fanOut(const Edge &edge, size_t i, const char *from) {
    store(&edge.targets[edge.begin[i]], edge.begin[i + 1] - edge.begin[i], from);
  }

  /// To the final rows of `count` targets.
  void store(const Target *targets, size_t count, const char *from) {
    char *places[MaxTopk];
    for (size_t i = 0; i < count; ++i)
      places[i] = nodes.finalRow(targets[i]);
    replicateStreaming(places, count, from, bytes());
  }

  /// Items that stay on this node.
  bool work() override {
    const RowMap &map = nodes.map;
    const size_t end = std::min(bench.problem.tokens(), nextLocal + TokensAtATime);
    if (nextLocal == end)
      return false;
    for (; nextLocal < end; ++nextLocal) {
      const size_t first = map.localBegin[nextLocal];
      store(map.local.data() + first, map.localBegin[nextLocal + 1] - first, bench.token(nextLocal));
    }
    return true;
  }

  NodesDispatch &bench;
  size_t nextLocal = 0;
};

} // namespace

std::unique_ptr<Method> dispatchWay(NodesDispatch &bench, Dedupe dedupe, Staging staging) {
  return std::make_unique<DispatchWay>(bench, dedupe, staging);
}

} // namespace faro::bench
