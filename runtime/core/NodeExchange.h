// How ranks find out which of them share a node.
#pragma once

#include "runtime/core/Bootstrap.h"

namespace faro {

/// What a rank knows of its own node.
struct NodeHint {
  std::optional<uint32_t> node; ///< what the launcher or the user says
  std::string machine;          ///< see machineIdentity; empty: unknown
  uint32_t ranksPerNode = 0;    ///< as far as the launcher says
  double nics = 1;              ///< Topology::nicsOf
};

/// The same on processes that can share memory, and on these only: the host's name, what the kernel drew when it
/// booted, and the IPC namespace. (The name, too: virtual machines that are copies of a running one share the rest.)
/// Empty where the kernel does not say.
std::string machineIdentity();

/// One hint a rank. Explicit nodes first, then machines, then blocks; one node where nothing is known.
Expected<Topology> topologyOf(const std::vector<NodeHint> &hints);

/// Collective.
Expected<Topology> findTopology(const CommunicatorOptions &options, Bootstrap &bootstrap);

} // namespace faro
