// faro-bench --nodes
#pragma once

#include "tests/bench/options.h"

namespace faro::bench {

/// One rank's part of a run across nodes; ranks, nodes and where they meet come from the environment. Exit status.
int runAcrossNodes(const Options &options);

} // namespace faro::bench
