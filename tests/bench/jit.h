// How long it takes from the text of a spec to code that can run.
#pragma once

#include "tests/bench/options.h"

#include <vector>

namespace faro::bench {

/// Milliseconds of Module::compile.
struct JitTimes {
  double first = 0;            ///< the first spec of a process, with an empty cache; loading the compiler included
  std::vector<double> next;    ///< further specs of the same process, not in the cache
  std::vector<double> cached;  ///< the same specs again
  double cachedNewProcess = 0; ///< the first spec of a new process, from the cache; loading the compiler included
};

/// In processes of its own, with a cache of its own. Must be called before threads or MPI are started.
Expected<JitTimes> measureJit(const Options &options);

} // namespace faro::bench
