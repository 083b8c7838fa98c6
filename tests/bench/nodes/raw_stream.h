// The wire by itself: as many rows as a node-deduped shuffle sends, from one end to the other, and nothing done with
// them.
#pragma once

#include "tests/bench/nodes/nodes_bench.h"

namespace faro::bench {

/// `back`: in the direction of the combine.
std::unique_ptr<Method> rawStream(NodesBench &nodes, bool back);

} // namespace faro::bench
