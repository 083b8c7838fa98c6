#include "tests/bench/nodes/raw_stream.h"

namespace faro::bench {
namespace {

class RawStream : public Method {
public:
  RawStream(NodesBench &n, bool b)
      : Method("active messages of the deduped bytes, nothing else", Kind::Bound), nodes(n), back(b) {}

  void run() override {
    const Traffic &traffic = nodes.traffic(Dedupe::Node);
    const std::vector<size_t> &start = back ? traffic.inStart : traffic.outStart;
    Exchange x;
    x.rows = NodesBench::rowCounts(back ? traffic.in : traffic.out);
    x.expected = back ? traffic.outRows : traffic.inRows;
    x.sliceRows = nodes.problem.options.sliceRows;
    x.slice = [&](int to, size_t first, size_t count) -> Segments {
      return {{nodes.sent.data() + (start[size_t(to)] + first) * nodes.bytes, count * nodes.bytes}};
    };
    x.come = [](const SliceHeader &, const char *) {}; // nobody looks at them
    exchange(nodes.wire, nodes.problem.rank, x);
  }

private:
  NodesBench &nodes;
  const bool back;
};

} // namespace

std::unique_ptr<Method> rawStream(NodesBench &nodes, bool back) { return std::make_unique<RawStream>(nodes, back); }

} // namespace faro::bench
