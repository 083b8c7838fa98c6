#include "runtime/core/Channels.h"

#include <fmt/format.h>

namespace faro {

constexpr unsigned MessageTagBits = 16;
constexpr unsigned SliceTagBits = 48;
constexpr uint64_t SliceTagMask = (uint64_t(1) << SliceTagBits) - 1;
/// A rank that opens its channels a little later than others has to keep what these say meanwhile. More than this is no
/// delay but a rank that has stopped to open channels.
constexpr size_t MostEarlyBytes = size_t(256) << 20;

Expected<uint16_t> Channels::open(Receiver &receiver) {
  if (open_.size() >= INT16_MAX)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has {} channels open; close some", rank_, open_.size()));
  while (open_.contains(next_))
    ++next_; // numbers come round again
  const uint16_t channel = next_++;
  open_.emplace(channel, Open{&receiver});
  earlyReady_ = !early_.empty();
  return channel;
}

void Channels::close(uint16_t channel) {
  open_.erase(channel);
  std::erase_if(early_, [&](const Early &early) { return early.tag >> MessageTagBits == channel; });
}

bool Channels::busy(uint16_t channel) const {
  const auto found = open_.find(channel);
  return found != open_.end() && (found->second.arriving || found->second.leaving);
}

Expected<uint32_t> Channels::messageTag(uint16_t channel, uint32_t tag) {
  if (tag >> MessageTagBits)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("the tag {} of a message is not below 2^{}", tag, MessageTagBits));
  return uint32_t(channel) << MessageTagBits | tag;
}

Expected<uint64_t> Channels::sliceTag(uint16_t channel, uint64_t tagOrToken, const char *what) {
  if (tagOrToken > SliceTagMask)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("the {} {} of a slice is not below 2^{}", what, tagOrToken, SliceTagBits));
  return uint64_t(channel) << SliceTagBits | tagOrToken;
}

void Channels::sending(uint16_t channel) { ++open_.at(channel).leaving; }
void Channels::notSent(uint16_t channel) { --open_.at(channel).leaving; }

void Channels::fail(std::string message) { note({FARO_INTERNAL, std::move(message)}); }

void Channels::note(Status failure) {
  if (failure_)
    failure_ = std::move(failure);
}

void Channels::message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  deliverEarly(); // or this one would overtake them
  const auto channel = uint16_t(tag >> MessageTagBits);
  if (const auto found = open_.find(channel); found != open_.end())
    return found->second.receiver->message(rank, tag & ((1u << MessageTagBits) - 1), bytes);
  if (!isAhead(channel))
    return; // its receiver has left while this was on its way
  if (earlyBytes_ + bytes.size() > MostEarlyBytes)
    return fail(fmt::format("rank {} sends to channel {}, which rank {} has not opened; {} bytes are waiting for it",
                            rank, channel, rank_, earlyBytes_));
  earlyBytes_ += bytes.size();
  early_.push_back({rank, tag, {bytes.begin(), bytes.end()}});
}

uint32_t Channels::deliverEarly() {
  if (!earlyReady_)
    return 0;
  earlyReady_ = false;
  std::deque<Early> held;
  held.swap(early_);
  earlyBytes_ = 0;
  uint32_t delivered = 0;
  for (Early &early : held) {
    if (const auto found = open_.find(uint16_t(early.tag >> MessageTagBits)); found != open_.end()) {
      found->second.receiver->message(early.rank, early.tag & ((1u << MessageTagBits) - 1), early.bytes);
      ++delivered;
      continue;
    }
    earlyBytes_ += early.bytes.size();
    early_.push_back(std::move(early));
  }
  return delivered;
}

faro_place Channels::place(uint32_t rank, uint64_t tag, size_t size, size_t rowBytes) {
  deliverEarly(); // what was said before may be about this slice
  const auto channel = uint16_t(tag >> SliceTagBits);
  const auto found = open_.find(channel);
  const faro_place to =
      found == open_.end() ? faro_place{} : found->second.receiver->place(rank, tag & SliceTagMask, size, rowBytes);
  if (to.data)
    ++found->second.arriving;
  else
    fail(fmt::format("rank {} sent a slice of {} bytes with tag {} on channel {}, for which rank {} has no place{}",
                     rank, size + rowBytes, tag & SliceTagMask, channel, rank_,
                     found == open_.end() ? ": the channel is not open" : ""));
  return to;
}

bool Channels::whole(uint32_t rank, uint64_t tag, std::span<const std::byte> bytes) {
  deliverEarly(); // as above
  const auto found = open_.find(uint16_t(tag >> SliceTagBits));
  return found != open_.end() && found->second.receiver->whole(rank, tag & SliceTagMask, bytes);
}

void Channels::arrived(uint32_t rank, uint64_t tag, size_t size) {
  const auto found = open_.find(uint16_t(tag >> SliceTagBits));
  if (found == open_.end())
    return;
  --found->second.arriving;
  found->second.receiver->arrived(rank, tag & SliceTagMask, size);
}

void Channels::lost(uint32_t, uint64_t tag, size_t) {
  if (const auto found = open_.find(uint16_t(tag >> SliceTagBits)); found != open_.end())
    --found->second.arriving;
}

void Channels::sent(uint64_t token) {
  const auto found = open_.find(uint16_t(token >> SliceTagBits));
  if (found == open_.end())
    return;
  --found->second.leaving;
  found->second.receiver->sent(token & SliceTagMask);
}

} // namespace faro
