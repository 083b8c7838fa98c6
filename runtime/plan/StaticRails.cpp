// The same local index on both sides: what a cluster does whose network cards of one index share a switch.
#include "runtime/plan/MatchedRails.h"

namespace faro {

Loads staticLoads(const Topology &topology, const NodeRows &rows) {
  Loads loads{std::vector<uint64_t>(topology.ranks()), std::vector<uint64_t>(topology.ranks())};
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank)
    for (uint32_t m = 0; m < topology.nodes(); ++m) {
      if (m == topology.nodeOf(rank))
        continue;
      const auto forwarders = topology.ranksOf(m);
      loads.sent[rank] += rows.of(rank, m);
      loads.received[forwarders[topology.localIndex(rank) % forwarders.size()]] += rows.of(rank, m);
    }
  return loads;
}

Rails staticRails(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  return matchedRails(topology, rows, node, [&](uint32_t rank, uint32_t to) {
    const auto forwarders = topology.ranksOf(to);
    return forwarders[topology.localIndex(rank) % forwarders.size()];
  });
}

} // namespace faro
