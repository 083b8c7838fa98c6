// A port nobody listens on.
#pragma once

#include <cstdint>

namespace faro::test {

/// From below the range of outgoing connections, so that nobody takes it between this call and its use but by intent.
uint16_t freePort();

} // namespace faro::test
