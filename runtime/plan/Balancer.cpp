#include "runtime/plan/Balancer.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace faro {

Balancer findBalancer(std::string_view name) {
  if (name == "static")
    return staticRails;
  if (name == "fusco")
    return fuscoRails;
  return name == "blend" ? cappedBlend : nullptr;
}

Expected<std::string_view> balancerFromEnvironment() {
  const char *name = std::getenv("FARO_BALANCER");
  if (!name || !*name)
    return std::string_view("blend");
  if (!findBalancer(name))
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("FARO_BALANCER is \"{}\", expected static, fusco or blend, the same on all ranks", name));
  return std::string_view(name);
}

double Loads::most(const Topology &topology) const {
  double most = 0;
  for (const auto *side : {&sent, &received})
    for (uint32_t rank = 0; rank < side->size(); ++rank)
      most = std::max(most, double((*side)[rank]) / topology.nicsOf(rank));
  return most;
}

Loads loadsOf(const Topology &topology, const Rails &rails) {
  Loads loads{std::vector<uint64_t>(topology.ranks()), std::vector<uint64_t>(topology.ranks())};
  for (const Flow &flow : rails.flows) {
    loads.sent[flow.rail] += flow.rows;
    loads.received[flow.forwarder] += flow.rows;
  }
  return loads;
}

double lowerBound(const Topology &topology, const NodeRows &rows) {
  // One walk in the order of memory, own nodes and all; what stays on its node is taken out again.
  const uint32_t nodes = topology.nodes();
  std::vector<uint64_t> sent(nodes), received(nodes), stays(nodes);
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    const uint32_t n = topology.nodeOf(rank);
    const uint32_t *mine = &rows.rows[size_t(rank) * nodes];
    uint64_t sum = 0;
    for (uint32_t m = 0; m < nodes; ++m) {
      sum += mine[m];
      received[m] += mine[m];
    }
    sent[n] += sum;
    stays[n] += mine[n];
  }
  double bound = 0;
  for (uint32_t n = 0; n < nodes; ++n)
    bound = std::max(bound, double(std::max(sent[n], received[n]) - stays[n]) / topology.nicsOfNode(n));
  return bound;
}

double overLowerBound(const Topology &topology, const NodeRows &rows, const Rails &rails) {
  const double bound = lowerBound(topology, rows);
  return bound > 0 ? loadsOf(topology, rails).most(topology) / bound : 1.0;
}

} // namespace faro
