// Which ranks are threads of one process.
#pragma once

#include <cstdint>

namespace faro {

/// Of one process and no other: ranks in containers may have the same number each. Plain bytes, to be sent as they are.
struct ProcessIdentity {
  int64_t number;
  uint64_t chance;
  bool operator==(const ProcessIdentity &) const = default;
};

/// The same in all threads; another one in a child.
ProcessIdentity thisProcess();

} // namespace faro
