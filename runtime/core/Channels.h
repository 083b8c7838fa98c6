// Takes what a transport delivers to the receivers it is meant for.
//
//   transport ─► on_message, on_place, on_arrived, on_lost, on_sent ─► Channels ─┬─ Receiver of channel 1
//                tag, token = channel | the receiver's own                       └─ Receiver of channel 2 ...
//
// All ranks open channels in the same order, so counting is enough to give a channel the same number everywhere.
#pragma once

#include "faro/communicator.h"

#include <deque>
#include <map>

namespace faro {

class Channels {
public:
  explicit Channels(uint32_t rank) : rank_(rank) {}

  Expected<uint16_t> open(Receiver &receiver);
  void close(uint16_t channel);
  bool isOpen(uint16_t channel) const { return open_.contains(channel); }
  /// Whether the wire reads from or writes to memory of this channel's receiver.
  bool busy(uint16_t channel) const;

  /// Tags and tokens as they are on the wire.
  static Expected<uint32_t> messageTag(uint16_t channel, uint32_t tag);
  static Expected<uint64_t> sliceTag(uint16_t channel, uint64_t tagOrToken, const char *what);

  /// A slice is being sent; `sent` follows, or `notSent` when the transport refused it.
  void sending(uint16_t channel);
  void notSent(uint16_t channel);

  void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes);
  faro_place place(uint32_t rank, uint64_t tag, size_t size, size_t rowBytes);
  bool whole(uint32_t rank, uint64_t tag, std::span<const std::byte> bytes);
  void arrived(uint32_t rank, uint64_t tag, size_t size);
  void lost(uint32_t rank, uint64_t tag, size_t size);
  void sent(uint64_t token);

  /// Delivers what came before its channel was open. How many messages.
  uint32_t deliverEarly();
  /// A receiver could not go on.
  void note(Status failure);
  /// The first thing that came and should not have, or was more than a receiver could take.
  const Status &failure() const { return failure_; }

private:
  struct Open {
    Receiver *receiver;
    uint32_t arriving = 0; ///< slices that have a place and are not there
    uint32_t leaving = 0;
  };
  struct Early {
    uint32_t rank, tag;
    Bytes bytes;
  };
  /// Whether a channel that is not open will be, rather than has been.
  bool isAhead(uint16_t channel) const { return int16_t(channel - next_) >= 0; }
  void fail(std::string message);

  const uint32_t rank_;
  uint16_t next_ = 1;
  std::map<uint16_t, Open> open_;
  std::deque<Early> early_; ///< in the order in which they came
  size_t earlyBytes_ = 0;
  bool earlyReady_ = false; ///< some of these are for a channel that is open now
  Status failure_;
};

} // namespace faro
