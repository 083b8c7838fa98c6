// Messages from one peer, in the order in which they were sent.
//
// UCX delivers a short active message at once and fetches a long one behind the scenes, so a short one can overtake a
// long one. The sender numbers its messages; here those that came too early, or whose bytes are still on their way, are
// held back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

namespace faro::ucx {

class Inbox {
public:
  using Handler = std::function<void(uint32_t tag, std::span<const std::byte> bytes)>;

  /// A message that is here in full. Its bytes are copied only when it has to wait.
  void arrived(uint64_t number, uint32_t tag, std::span<const std::byte> bytes, const Handler &deliver);

  /// A message whose bytes are going to be written to the returned memory. `completed` or `lost` must follow.
  std::byte *expect(uint64_t number, uint32_t tag, size_t size);
  void completed(uint64_t number, const Handler &deliver);
  void lost(uint64_t number) { held_.erase(number); }

private:
  struct Held {
    uint32_t tag;
    bool complete;
    std::vector<std::byte> bytes;
  };
  void deliverReady(const Handler &deliver);

  uint64_t next_ = 0;
  std::map<uint64_t, Held> held_; // by number; nodes stay where they are while UCX writes to them
};

} // namespace faro::ucx
