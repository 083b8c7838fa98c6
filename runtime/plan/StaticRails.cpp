// The same local index on both sides: what a cluster does whose network cards of one index share a switch.
#include "runtime/plan/MatchedRails.h"

namespace faro {

static uint32_t forwarderOf(const Topology &topology, uint32_t localIndex, uint32_t node) {
  const auto forwarders = topology.ranksOf(node);
  return forwarders[localIndex < forwarders.size() ? localIndex : localIndex % forwarders.size()];
}

Loads staticLoads(const Topology &topology, const NodeRows &rows) {
  Loads loads{std::vector<uint64_t>(topology.ranks()), std::vector<uint64_t>(topology.ranks())};
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    const uint32_t index = topology.localIndex(rank), own = topology.nodeOf(rank);
    for (uint32_t m = 0; m < topology.nodes(); ++m)
      if (m != own) {
        loads.sent[rank] += rows.of(rank, m);
        loads.received[forwarderOf(topology, index, m)] += rows.of(rank, m);
      }
  }
  return loads;
}

Rails staticRails(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  return matchedRails(topology, rows, node,
                      [&](uint32_t rank, uint32_t to) { return forwarderOf(topology, topology.localIndex(rank), to); });
}

} // namespace faro
