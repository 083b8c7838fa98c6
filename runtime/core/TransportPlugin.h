// Transports are libraries that are loaded by name.
#pragma once

#include "faro/status.h"

#include <string>

namespace faro {

/// The table of libfaro_transport_<name>.so, looked for in $FARO_PLUGIN_PATH, beside libfaro.so, then where the loader
/// looks. A transport that was loaded stays: the libraries below it do not like to be unloaded.
Expected<const faro_transport *> loadTransport(const std::string &name);

/// The transport's last error under this code.
Status transportError(const faro_transport &transport, faro_status code, const std::string &doing);

} // namespace faro
