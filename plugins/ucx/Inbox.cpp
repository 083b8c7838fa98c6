#include "plugins/ucx/Inbox.h"

namespace faro::ucx {

void Inbox::arrived(uint64_t number, uint32_t tag, std::span<const std::byte> bytes, const Handler &deliver) {
  if (number != next_) {
    held_.emplace(number, Held{tag, true, {bytes.begin(), bytes.end()}});
    return;
  }
  ++next_;
  deliver(tag, bytes);
  deliverReady(deliver);
}

std::byte *Inbox::expect(uint64_t number, uint32_t tag, size_t size) {
  auto [place, isNew] = held_.emplace(number, Held{tag, false, std::vector<std::byte>(size)});
  return isNew ? place->second.bytes.data() : nullptr;
}

void Inbox::completed(uint64_t number, const Handler &deliver) {
  if (auto found = held_.find(number); found != held_.end())
    found->second.complete = true;
  deliverReady(deliver);
}

void Inbox::deliverReady(const Handler &deliver) {
  for (auto first = held_.begin(); first != held_.end() && first->first == next_ && first->second.complete;
       first = held_.begin()) {
    // Taken out before the call: the handler may send, and so come back here.
    const Held message = std::move(first->second);
    held_.erase(first);
    ++next_;
    deliver(message.tag, message.bytes);
  }
}

} // namespace faro::ucx
