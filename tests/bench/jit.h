// How long it takes from the text of a spec to code that can run.
#pragma once

#include "tests/bench/options.h"

#include <optional>
#include <vector>

namespace faro::bench {

/// What a run for a CUDA device says beside the times. Milliseconds are of further specs, not in the cache.
struct JitForDevice {
  uint32_t architecture = 0;     ///< 90 for sm_90
  std::string assembler;         ///< empty: none, and the driver would make the machine code
  std::vector<double> ptx, code; ///< of JitTimes::next: in the longest thread, while other work goes on
  std::vector<double> all;       ///< the specs anew with all kernels: that plan, bulk copies, the host's
};

/// Milliseconds of Module::compile. For a device: of the kernels of a Session whose rows are there.
struct JitTimes {
  double first = 0;            ///< the first spec of a process, with an empty cache; loading the compiler included
  std::vector<double> next;    ///< further specs of the same process, not in the cache
  std::vector<double> cached;  ///< the same specs again
  double cachedNewProcess = 0; ///< the first spec of a new process, from the cache; loading the compiler included
  std::optional<JitForDevice> device;
};

/// In processes of its own, with a cache of its own. Must be called before threads or MPI are started.
Expected<JitTimes> measureJit(const Options &options);

} // namespace faro::bench
