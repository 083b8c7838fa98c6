#include "runtime/engine/OriginExchange.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace faro {

struct OriginExchange::Header {
  uint64_t number; ///< of the exchange
  uint32_t total;  ///< items that the sender has for this node
  uint32_t count;  ///< of them in this message
};

struct OriginExchange::Item {
  uint32_t rank, row; ///< where it is
  uint32_t token, choice;
};

constexpr size_t ItemsOfMessage = 2048; // 32 KB

OriginExchange::OriginExchange(const Communicator &c, SignalBoard &board, Send send)
    : communicator(c), board(board), send(std::move(send)), left(c.size()) {}

void OriginExchange::received(uint32_t rank, std::span<const std::byte> bytes) {
  inbox.push_back({rank, Bytes(bytes.begin(), bytes.end())});
}

/// At least one message, so that the other side knows that there is nothing.
Status OriginExchange::sendTo(uint32_t node, const Plan &plan) {
  const Topology &topology = communicator.topology();
  const uint32_t topk = plan.program->routes.topk;
  std::vector<Item> items;
  for (size_t i = 0; i < plan.places.size(); ++i)
    if (topology.nodeOf(plan.places[i].rank) == node)
      items.push_back({plan.places[i].rank, plan.places[i].row, plan.choices[i] / topk, plan.choices[i] % topk});
  size_t done = 0;
  do {
    const size_t count = std::min(ItemsOfMessage, items.size() - done);
    const Header header{number, uint32_t(items.size()), uint32_t(count)};
    Bytes bytes(sizeof header + count * sizeof(Item));
    std::memcpy(bytes.data(), &header, sizeof header);
    if (count)
      std::memcpy(bytes.data() + sizeof header, items.data() + done, count * sizeof(Item));
    FARO_RETURN_IF_ERROR(send(counterpartOn(topology, node, communicator.rank()), bytes));
    done += count;
  } while (done < items.size());
  return Status::ok();
}

Status OriginExchange::store(const Message &message, const Plan &plan, const Window &window, bool &mine) {
  const auto torn = [&](const std::string &why) {
    return Status(FARO_DATA_LOSS, fmt::format("rank {} sent origins of rows to rank {} that {}", message.from,
                                              communicator.rank(), why));
  };
  Header header;
  if (message.bytes.size() < sizeof header)
    return torn("are torn");
  std::memcpy(&header, message.bytes.data(), sizeof header);
  if (message.bytes.size() != sizeof header + size_t(header.count) * sizeof(Item))
    return torn("are torn");
  mine = header.number == number;
  if (header.number != number && header.number != number + 1)
    return torn(fmt::format("are of exchange {}; it is at {}", header.number, number));
  if (!mine)
    return Status::ok();
  int64_t &missing = left[message.from];
  missing = (missing < 0 ? int64_t(header.total) : missing) - int64_t(header.count);
  for (uint32_t i = 0; i < header.count; ++i) {
    Item item;
    std::memcpy(&item, message.bytes.data() + sizeof header + i * sizeof item, sizeof item);
    if (item.rank >= communicator.size() || !communicator.topology().sameNode(item.rank, communicator.rank()) ||
        item.row >= plan.rowsOfRank[item.rank])
      return torn(fmt::format("name row {} of rank {}, which is none of this node's rows", item.row, item.rank));
    reinterpret_cast<Origin *>(window.of(item.rank))[item.row] = {int32_t(message.from), item.token, item.choice, 0};
  }
  return Status::ok();
}

Status OriginExchange::exchange(const Plan &plan, const Window &window) {
  ++number;
  const Topology &topology = communicator.topology();
  const uint32_t me = communicator.rank(), node = topology.nodeOf(me), topk = plan.program->routes.topk;
  for (size_t i = 0; i < plan.places.size(); ++i)
    if (auto *origins = reinterpret_cast<Origin *>(window.of(plan.places[i].rank)))
      origins[plan.places[i].row] = {int32_t(me), plan.choices[i] / topk, plan.choices[i] % topk, 0};
  for (uint32_t step = 1; step < topology.nodes(); ++step)
    FARO_RETURN_IF_ERROR(sendTo((node + step) % topology.nodes(), plan));

  for (uint32_t rank = 0; rank < left.size(); ++rank)
    left[rank] = !topology.sameNode(rank, me) && counterpartOn(topology, node, rank) == me ? -1 : 0;
  const auto absent = [this] {
    std::vector<uint32_t> ranks;
    for (uint32_t rank = 0; rank < left.size(); ++rank)
      if (left[rank] != 0)
        ranks.push_back(rank);
    return ranks;
  };
  SignalBoard::Waiter waiter(board, absent);
  while (true) {
    for (auto message = inbox.begin(); message != inbox.end();) {
      bool mine = false;
      FARO_RETURN_IF_ERROR(store(*message, plan, window, mine));
      message = mine ? inbox.erase(message) : std::next(message);
    }
    if (absent().empty())
      return Status::ok();
    FARO_RETURN_IF_ERROR(waiter.pause("sources"));
  }
}

} // namespace faro
