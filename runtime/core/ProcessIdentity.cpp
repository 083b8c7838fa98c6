#include "runtime/core/ProcessIdentity.h"

#include "runtime/core/Digest.h"

#include <chrono>
#include <unistd.h>

namespace faro {

ProcessIdentity thisProcess() {
  static const uint64_t chance = [] {
    uint64_t value = 0;
    if (!randomBytes(std::as_writable_bytes(std::span(&value, 1))))
      value = uint64_t(std::chrono::steady_clock::now().time_since_epoch().count()); // no generator: seldom alike
    return value;
  }();
  return {::getpid(), chance};
}

} // namespace faro
