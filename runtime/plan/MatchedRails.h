// Balancers that move nothing: every rank sends its own rows, all those for one node to one forwarder there. They
// differ in whom they match.
#pragma once

#include "runtime/plan/Balancer.h"

namespace faro {

/// forwarderOf(rank, node): the rank of `node` that takes what `rank` has for it.
template <typename ForwarderOf>
Rails matchedRails(const Topology &topology, const NodeRows &rows, std::optional<uint32_t> node,
                   ForwarderOf forwarderOf) {
  Rails rails;
  for (uint32_t n = 0; n < topology.nodes(); ++n)
    for (uint32_t m = 0; m < topology.nodes(); ++m) {
      if (m == n || (node && *node != n && *node != m))
        continue;
      for (uint32_t rank : topology.ranksOf(n))
        if (const uint32_t mine = rows.of(rank, m))
          rails.flows.push_back({rank, forwarderOf(rank, m), mine});
    }
  return rails;
}

} // namespace faro
