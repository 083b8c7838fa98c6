// The same local index on both sides: what a cluster does whose network cards of one index share a switch.
#include "runtime/plan/MatchedRails.h"

namespace faro {

Rails staticRails(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node) {
  return matchedRails(topology, rows, node, [&](uint32_t rank, uint32_t to) {
    const auto forwarders = topology.ranksOf(to);
    return forwarders[topology.localIndex(rank) % forwarders.size()];
  });
}

} // namespace faro
