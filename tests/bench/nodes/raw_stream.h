// The wire by itself: as many rows as a node-deduped shuffle sends, from one end to the other, and nothing done with
// them.
#pragma once

#include "tests/bench/nodes/nodes_bench.h"

namespace faro::bench {

std::unique_ptr<Method> rawStream(NodesBench &nodes);

} // namespace faro::bench
