#include "tests/bench/nodes/dispatch_ways.h"

#include "tests/bench/kernels.h"

#include <fmt/format.h>

namespace faro::bench {
namespace {

/// Tokens that are pushed inside the node between two looks at the wire.
constexpr size_t TokensAtATime = 4;

std::string nameOf(Dedupe dedupe, Staging staging) {
  const char *what = dedupe == Dedupe::None   ? "every item"
                     : dedupe == Dedupe::Rank ? "one row per (token, rank)"
                                              : "one row per (token, node)";
  return fmt::format("{}: {}", staging == Staging::Passes ? "packed" : "in slices, not packed", what);
}

/// A node-deduped way without passes is what this project makes; by hand it says what can be reached.
Kind kindOf(Dedupe dedupe, Staging staging) {
  return dedupe == Dedupe::Node && staging == Staging::Slices ? Kind::Limit : Kind::Peer;
}

class DispatchWay : public Method {
public:
  DispatchWay(NodesDispatch &b, Dedupe d, Staging s)
      : Method(nameOf(d, s), kindOf(d, s)), bench(b), nodes(b.nodes), dedupe(d), staging(s) {}

  bool plans() const override { return false; }
  bool checks() const override { return true; }
  Check check() override { return bench.checkRows(); }

  void run() override {
    traffic = &nodes.traffic(dedupe);
    nextLocal = 0;
    if (staging == Staging::Passes)
      pack();
    Exchange x;
    x.rows = NodesBench::rowCounts(traffic->out);
    x.expected = traffic->inRows;
    x.sliceRows = bench.problem.options.sliceRows;
    x.slice = [this](int to, size_t first, size_t count) { return slice(size_t(to), first, count); };
    x.work = [this] { return pushSome(); };
    x.come = [this](const SliceHeader &header, const char *data) { come(header, data); };
    exchange(nodes.wire, bench.problem.rank, x);
    while (pushSome())
      ;
    if (staging == Staging::Passes)
      unpack();
    bench.zeroPadding();
    storeFence();
  }

private:
  size_t bytes() const { return bench.bytes; }
  char *stagedOut(size_t to, size_t row) { return nodes.sent.data() + (traffic->outStart[to] + row) * bytes(); }
  char *stagedIn(size_t from, size_t row) { return nodes.arrived.data() + (traffic->inStart[from] + row) * bytes(); }

  void pack() {
    for (size_t r = 0; r < traffic->out.size(); ++r)
      for (size_t i = 0; i < traffic->out[r].rows(); ++i)
        copyStreaming(stagedOut(r, i), bench.token(traffic->out[r].token[i]), bytes());
    storeFence();
  }

  Segments slice(size_t to, size_t first, size_t count) {
    if (staging == Staging::Passes)
      return {{stagedOut(to, first), count * bytes()}};
    Segments segments;
    for (size_t i = first; i < first + count; ++i)
      segments.push_back({bench.token(traffic->out[to].token[i]), bytes()});
    return segments;
  }

  void come(const SliceHeader &header, const char *data) {
    if (staging == Staging::Passes)
      return copyStreaming(stagedIn(header.from, header.first), data, header.rows * bytes());
    for (size_t i = 0; i < header.rows; ++i)
      fanOut(traffic->in[header.from], header.first + i, data + i * bytes());
  }

  void fanOut(const Edge &edge, size_t i, const char *from) {
    char *places[MaxTopk];
    size_t n = 0;
    for (uint32_t c = edge.begin[i]; c < edge.begin[i + 1]; ++c)
      places[n++] = nodes.finalRow(edge.targets[c]);
    replicateStreaming(places, n, from, bytes());
  }

  void unpack() {
    for (size_t r = 0; r < traffic->in.size(); ++r)
      for (size_t i = 0; i < traffic->in[r].rows(); ++i)
        fanOut(traffic->in[r], i, stagedIn(r, i));
  }

  /// Items that stay on this node.
  bool pushSome() {
    const RowMap &map = nodes.map;
    const size_t end = std::min(bench.problem.tokens(), nextLocal + TokensAtATime);
    if (nextLocal == end)
      return false;
    for (; nextLocal < end; ++nextLocal) {
      char *places[MaxTopk];
      size_t n = 0;
      for (uint32_t c = map.localBegin[nextLocal]; c < map.localBegin[nextLocal + 1]; ++c)
        places[n++] = nodes.finalRow(map.local[c]);
      replicateStreaming(places, n, bench.token(nextLocal), bytes());
    }
    return true;
  }

  NodesDispatch &bench;
  NodesBench &nodes;
  const Dedupe dedupe;
  const Staging staging;
  const Traffic *traffic = nullptr;
  size_t nextLocal = 0;
};

} // namespace

std::unique_ptr<Method> dispatchWay(NodesDispatch &bench, Dedupe dedupe, Staging staging) {
  return std::make_unique<DispatchWay>(bench, dedupe, staging);
}

} // namespace faro::bench
