#include "tests/bench/nodes/raw_stream.h"

namespace faro::bench {
namespace {

class RawStream : public Method {
public:
  explicit RawStream(NodesBench &n)
      : Method("active messages of the deduped bytes, nothing else", Kind::Bound), nodes(n) {}

  void run() override {
    const Traffic &traffic = nodes.traffic(Dedupe::Node);
    Exchange x = nodes.exchangeOf(traffic);
    x.slice = [&](int to, size_t first, size_t count) -> Segments {
      return {{nodes.sent.data() + (traffic.outStart[size_t(to)] + first) * nodes.bytes, count * nodes.bytes}};
    };
    x.come = [](const SliceHeader &, const char *) {}; // nobody looks at them
    exchange(nodes.wire, nodes.problem.rank, x);
  }

private:
  NodesBench &nodes;
};

} // namespace

std::unique_ptr<Method> rawStream(NodesBench &nodes) { return std::make_unique<RawStream>(nodes); }

} // namespace faro::bench
