#include "tests/conformance/FreePort.h"

#include "runtime/core/Socket.h"

#include <atomic>
#include <unistd.h>

namespace faro::test {

uint16_t freePort() {
  static std::atomic<uint32_t> next{0};
  for (int tries = 0; tries < 1000; ++tries) {
    // Tests run at the same time in several processes.
    const uint32_t spread = uint32_t(getpid()) * 37 + next++;
    const auto port = uint16_t(10000 + spread % 10000);
    if (auto address = resolve("127.0.0.1", port); address && listenAt(*address))
      return port;
  }
  return 0;
}

} // namespace faro::test
