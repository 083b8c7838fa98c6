// Which UCX this is: one was built against, and one is there when the process runs.
#pragma once

#include "faro/status.h"

namespace faro::ucx {

/// VERSION_MISMATCH where the UCX of this process is older than the one that the plugin was built for. The message says
/// where it was loaded from.
Status checkVersion();

} // namespace faro::ucx
