// The memory of devices that a transport was told of.
#pragma once

#include "faro/status.h"
#include "faro/transport.h"

#include <cstdint>
#include <fmt/format.h>
#include <map>

namespace faro::plugin {

inline Status notAttached(const faro_iov &rows) {
  return {FARO_INVALID_ARGUMENT,
          fmt::format("{} bytes of rows at {} do not lie in memory that was attached", rows.size, rows.data)};
}

/// By address. What is kept of each is the transport's own.
template <typename Kept> class Attached {
public:
  /// Null where it lies in memory that is known already.
  Kept *add(const faro_device_memory &memory, Kept kept) {
    const auto begin = reinterpret_cast<uintptr_t>(memory.address);
    const auto next = byAddress_.lower_bound(begin);
    if (find(memory.address, 1) || (next != byAddress_.end() && next->first - begin < memory.size))
      return nullptr;
    return &byAddress_.emplace_hint(next, begin, Range{memory.size, std::move(kept)})->second.kept;
  }
  void remove(const void *address) { byAddress_.erase(reinterpret_cast<uintptr_t>(address)); }

  /// Of the memory in which all of these bytes lie, or null.
  Kept *find(const void *address, size_t size) {
    const auto at = reinterpret_cast<uintptr_t>(address);
    const auto behind = byAddress_.upper_bound(at);
    if (behind == byAddress_.begin())
      return nullptr;
    auto &[begin, range] = *std::prev(behind);
    return at - begin <= range.size && size <= range.size - (at - begin) ? &range.kept : nullptr;
  }

private:
  struct Range {
    size_t size;
    Kept kept;
  };
  std::map<uintptr_t, Range> byAddress_;
};

} // namespace faro::plugin
