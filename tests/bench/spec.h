// The shape of a run as a spec, as a user would write it.
#pragma once

#include "tests/bench/options.h"

namespace faro::bench {

/// A module with one dispatch and one combine, for any mesh.
std::string specText(const Options &options);

} // namespace faro::bench
