#include "tests/bench/nodes/nodes_bench.h"

#include <algorithm>

namespace faro::bench {

static std::vector<int> ranksWhere(const Problem &p, bool mine) {
  std::vector<int> list;
  for (int r = 0; r < p.ranks; ++r)
    if ((p.nodeOf(r) == p.nodeOf(p.rank)) == mine)
      list.push_back(r);
  return list;
}

std::vector<int> ranksOfNode(const Problem &problem) { return ranksWhere(problem, true); }
std::vector<int> ranksOfOtherNodes(const Problem &problem) { return ranksWhere(problem, false); }

/// Enough for any way: all items out, all rows in, or, for a forwarder, every token of every rank.
static size_t stagingRows(const Problem &p) {
  return std::max({p.options.items(), p.received.size(), p.tokens() * size_t(p.ranks)});
}

NodesBench::NodesBench(const Problem &p, Control &c, Wire &w, Direction d)
    : problem(p), control(c), wire(w), direction(d), bytes(p.rowBytes()), map(p),
      rows(c, ranksOfNode(p), p.received.size() * p.rowBytes()), sent(stagingRows(p) * bytes),
      arrived(stagingRows(p) * bytes), slots((size_t(p.ranks) + 1) * Wire::InFlight * slotBytes()) {}

const Traffic &NodesBench::traffic(Dedupe dedupe) {
  auto &entry = known[size_t(dedupe)];
  if (!entry)
    entry = std::make_unique<Traffic>(map.traffic(dedupe, direction));
  return *entry;
}

Exchange NodesBench::exchangeOf(const Traffic &traffic) const {
  Exchange x;
  for (const Edge &edge : traffic.out)
    x.rows.push_back(edge.rows());
  x.expected = traffic.inRows;
  x.sliceRows = problem.options.sliceRows;
  return x;
}

void NodesBench::wipe() {
  sent.wipe();
  arrived.wipe();
  slots.wipe();
}

void NodesBench::flush() {
  rows.flush();
  sent.flush();
  arrived.flush();
  slots.flush();
}

} // namespace faro::bench
