// How many files this process and the ranks that it starts may have open.
#pragma once

#include "faro/status.h"
#include "runtime/tools/faro-run/Options.h"

namespace faro::run {

/// Before any rank starts: they would find out while they connect, some of them, one after the other. Raises the soft
/// limit where the ranks need more. Errors: UNAVAILABLE, when the hard one is too low.
Status allowDescriptors(const Options &options, const std::string &transport);

} // namespace faro::run
