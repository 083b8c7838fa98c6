// Private memory for the peers and the limits.
#pragma once

#include <cstddef>

namespace faro::bench {

/// Pages of this process, on large pages where the system gives them on request, touched before the first use: page
/// faults are nobody's steady state. The memory is made when it is first asked for, so that methods that do not take
/// part cost none.
class Buffer {
public:
  explicit Buffer(size_t bytes);
  ~Buffer();
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  char *data();
  /// Overwrites everything, so that nothing an earlier method left there can pass a check.
  void wipe();
  /// Takes everything out of the caches.
  void flush();

private:
  size_t bytes;
  char *base = nullptr;
};

/// What wipe() leaves in each byte. As an element it is finite, but no value of a RowPattern.
constexpr int WipeByte = 0xee;

/// Writes back and drops every cache line of the range.
void flushFromCaches(const void *data, size_t bytes);

} // namespace faro::bench
