// UCX's way to say how a call ended, in Faro's words.
#pragma once

#include "faro/status.h"

#include <ucs/type/status.h>

namespace faro::ucx {

/// The one table from UCX's codes to ours.
faro_status toCode(ucs_status_t status);

/// "WHAT: UCX's text, and what it logged", under toCode's code.
Status toStatus(ucs_status_t status, const std::string &what);

} // namespace faro::ucx
