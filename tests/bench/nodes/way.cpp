#include "tests/bench/nodes/way.h"

#include "tests/bench/kernels.h"

#include <fmt/format.h>

namespace faro::bench {

static std::string nameOf(Dedupe dedupe, Staging staging, const char *row) {
  const std::string what = dedupe == Dedupe::None   ? "every item"
                           : dedupe == Dedupe::Rank ? fmt::format("one {} per (token, rank)", row)
                                                    : fmt::format("one {} per (token, node)", row);
  return fmt::format("{}: {}", staging == Staging::Passes ? "packed" : "in slices, not packed", what);
}

/// A node-deduped way without passes is what this project makes; by hand it says what can be reached.
static Kind kindOf(Dedupe dedupe, Staging staging) {
  return dedupe == Dedupe::Node && staging == Staging::Slices ? Kind::Limit : Kind::Peer;
}

Way::Way(NodesBench &n, Dedupe d, Staging s, const char *row)
    : Method(nameOf(d, s, row), kindOf(d, s)), nodes(n), dedupe(d), staging(s), traffic(n.traffic(d)) {}

void Way::pack() {
  for (size_t r = 0; r < traffic.out.size(); ++r)
    for (size_t i = 0; i < traffic.out[r].rows(); ++i)
      makeRow(traffic.out[r], i, stagedOut(r, i));
  storeFence();
}

void Way::exchangeRows(bool workMeanwhile) {
  if (staging == Staging::Passes)
    pack();
  Exchange x = nodes.exchangeOf(traffic);
  x.slice = [this](int to, size_t first, size_t count) -> Segments {
    if (staging == Staging::Passes)
      return {{stagedOut(size_t(to), first), count * bytes()}};
    return slice(size_t(to), first, count);
  };
  x.come = [this](const SliceHeader &header, const char *data) { come(header, data); };
  x.sent = [this](const SliceHeader &header, int to) { gone(header, to); };
  if (workMeanwhile)
    x.work = [this] { return work(); };
  exchange(nodes.wire, nodes.problem.rank, x);
  while (work())
    ;
}

} // namespace faro::bench
