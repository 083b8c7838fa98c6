// faro-bench --device
#pragma once

#include "tests/bench/options.h"

namespace faro::bench {

/// All ranks of a run with rows on a CUDA device, as threads of this process. Exit status.
int runOnDevice(const Options &options);

} // namespace faro::bench
