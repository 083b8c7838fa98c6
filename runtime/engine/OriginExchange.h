// Where received rows came from: each source writes the origin of its items beside their rows. On its own node it
// stores them itself; for another node it sends them to its counterpart there, who stores them.
//
// For tools and tests, so it is simple and not fast: 16 bytes an item, each item once.
#pragma once

#include "runtime/engine/CountsExchange.h"
#include "runtime/plan/Plan.h"

#include <deque>

namespace faro {

/// The form in which a row's origin lies in the window.
struct Origin {
  int32_t rank; ///< -1: padding
  uint32_t token, choice, unused;
};

class OriginExchange {
public:
  /// `send` puts a message on its way to `received` of that rank's exchange.
  using Send = std::function<Status(uint32_t rank, std::span<const std::byte> bytes)>;
  OriginExchange(const Communicator &communicator, SignalBoard &board, Send send);

  /// Collective; all windows of the node are clear. Returns when everything for which this rank is responsible has
  /// been stored into `window`, within the communicator's time-out; other ranks of the node may still be at it.
  Status exchange(const Plan &plan, const Window &window);

  /// A message of a rank of another node has arrived. Kept until its exchange is under way.
  void received(uint32_t rank, std::span<const std::byte> bytes);

private:
  struct Header;
  struct Item;
  struct Message {
    uint32_t from;
    Bytes bytes;
  };
  Status sendTo(uint32_t node, const Plan &plan);
  Status store(const Message &message, const Plan &plan, const Window &window, bool &mine);

  const Communicator &communicator;
  SignalBoard &board;
  Send send;
  uint64_t number = 0; ///< of the exchange under way or over
  std::deque<Message> inbox;
  std::vector<int64_t> left; ///< by rank: items still to come; -1: not even how many
};

} // namespace faro
