// Which of UCX's transports carry bytes between nodes.
#pragma once

#include <optional>
#include <string>

namespace faro::ucx {

/// UCX_TLS for the wire: what the user chose (null: nothing), less all shared memory, a device's too. Nothing when
/// nothing is left that carries bytes.
std::optional<std::string> wireTransports(const char *chosen);

/// Whether tcp is all that such a list can come to on this machine.
bool isOnlyTcp(const std::string &transports, bool loopbackOnly);

} // namespace faro::ucx
