// Whether a module fits the ranks that it is to run on, and which of its schedules do.
#pragma once

#include "faro/module.h"
#include "faro/topology.h"

namespace faro {

/// The path that all programs take: straight to the final rows on one node, by forwarders across nodes.
faro_abi_path pathOn(const Topology &topology);

/// INVALID_ARGUMENT when the module's mesh is another one (nodes of different sizes fit `?` only), or when a program
/// has no schedule for the path. All ranks find the same.
Status checkMesh(const Module &module, const Topology &topology);

} // namespace faro
