// FUSCO's Algorithm 1 (arXiv 2512.22036): each node's ranks are sorted by what they send to other nodes, most first;
// the list of node n is rotated by n; ranks at one position form a group, whose members talk to each other. So the
// heavy sender of one node meets lighter ones of the others. Where nodes differ in size, positions count modulo the
// smaller.
#include "runtime/plan/MatchedRails.h"

#include <algorithm>

namespace faro {

Rails fuscoRails(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  std::vector<uint32_t> position(topology.ranks());
  std::vector<std::vector<uint32_t>> rankAt(topology.nodes()); // by position
  std::vector<uint64_t> load(topology.ranks());
  for (uint32_t n = 0; n < topology.nodes(); ++n) {
    const auto ranks = topology.ranksOf(n);
    for (uint32_t rank : ranks)
      for (uint32_t m = 0; m < topology.nodes(); ++m)
        load[rank] += m == n ? 0 : rows.of(rank, m);
    std::vector<uint32_t> sorted(ranks.begin(), ranks.end());
    std::sort(sorted.begin(), sorted.end(),
              [&](uint32_t a, uint32_t b) { return load[a] != load[b] ? load[a] > load[b] : a < b; });
    rankAt[n].resize(sorted.size());
    for (uint32_t i = 0; i < sorted.size(); ++i) {
      position[sorted[i]] = uint32_t((i + n) % sorted.size());
      rankAt[n][position[sorted[i]]] = sorted[i];
    }
  }
  return matchedRails(topology, rows, node,
                      [&](uint32_t rank, uint32_t to) { return rankAt[to][position[rank] % rankAt[to].size()]; });
}

} // namespace faro
