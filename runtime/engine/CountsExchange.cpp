#include "runtime/engine/CountsExchange.h"

#include <cstring>
#include <fmt/format.h>

namespace faro {

/// The numbers follow: items by expert, then rows by node.
struct CountsExchange::Record {
  uint64_t number; ///< of the exchange; written last
  uint64_t hash;
  uint32_t activity, experts, nodes, reserved;

  uint32_t *numbers() { return reinterpret_cast<uint32_t *>(this + 1); }
};

static uint64_t bytesOfRecord(uint64_t header, const Topology &topology, uint32_t experts) {
  return (header + (experts + topology.nodes()) * sizeof(uint32_t) + 63) / 64 * 64;
}

uint32_t counterpartOn(const Topology &topology, uint32_t node, uint32_t rank) {
  const auto ranks = topology.ranksOf(node);
  return ranks[topology.localIndex(rank) % ranks.size()];
}

std::vector<uint64_t> CountsExchange::boardBytes(const Communicator &communicator, uint32_t experts) {
  const Topology &topology = communicator.topology();
  const uint32_t node = topology.nodeOf(communicator.rank());
  std::vector<uint64_t> bytes(topology.ranksOf(node).size());
  for (uint32_t rank = 0; rank < topology.ranks(); ++rank) {
    const uint32_t keeper = topology.nodeOf(rank) == node ? rank : counterpartOn(topology, node, rank);
    bytes[topology.localIndex(keeper)] += 2 * bytesOfRecord(sizeof(Record), topology, experts);
  }
  return bytes;
}

CountsExchange::CountsExchange(const Communicator &c, SignalBoard &board, uint32_t experts, Send send)
    : communicator(c), board(board), recordBytes(bytesOfRecord(sizeof(Record), c.topology(), experts)),
      send(std::move(send)) {
  const Topology &topology = c.topology();
  const uint32_t node = topology.nodeOf(c.rank());
  std::vector<uint32_t> next(c.size(), 1); // slot 0 is the keeper's own
  for (uint32_t rank = 0; rank < c.size(); ++rank) {
    if (topology.nodeOf(rank) == node) {
      places.push_back({rank, 0});
      continue;
    }
    const uint32_t keeper = counterpartOn(topology, node, rank);
    places.push_back({keeper, next[keeper]++});
    carried += keeper == c.rank();
  }
  // Beginning behind oneself, so that not all nodes send to node 0 first.
  for (uint32_t step = 1; step < topology.nodes(); ++step)
    peers.push_back(counterpartOn(topology, (node + step) % topology.nodes(), c.rank()));
}

CountsExchange::Record *CountsExchange::record(uint32_t rank, uint64_t number) const {
  const Place &place = places[rank];
  return reinterpret_cast<Record *>(board.sharedOf(place.carrier) + (2 * place.slot + number % 2) * recordBytes);
}

/// Acquire, with the release in `exchange` and `received`: who sees the number sees the rest.
bool CountsExchange::isHere(uint32_t rank) const {
  return std::atomic_ref(record(rank, number)->number).load(std::memory_order_acquire) == number;
}

void CountsExchange::received(uint32_t rank, std::span<const std::byte> bytes) {
  const auto fail = [&](const std::string &why) {
    if (failure)
      failure =
          Status(FARO_INTERNAL, fmt::format("rank {} sent counts to rank {} that {}", rank, communicator.rank(), why));
  };
  Record header;
  if (bytes.size() < sizeof header || bytes.size() > recordBytes)
    return fail(fmt::format("have {} bytes; expected {} to {}", bytes.size(), sizeof header, recordBytes));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (bytes.size() != sizeof header + (uint64_t(header.experts) + header.nodes) * sizeof(uint32_t))
    return fail(
        fmt::format("are torn: {} bytes for {} experts and {} nodes", bytes.size(), header.experts, header.nodes));
  if (communicator.topology().sameNode(rank, communicator.rank()) || places[rank].carrier != communicator.rank())
    return fail("another rank keeps");
  if (header.number != number && header.number != number + 1)
    return fail(fmt::format("are of exchange {}; it is at {}", header.number, number));
  Record *place = record(rank, header.number);
  std::memcpy(reinterpret_cast<std::byte *>(place) + sizeof header.number, bytes.data() + sizeof header.number,
              bytes.size() - sizeof header.number);
  std::atomic_ref(place->number).store(header.number, std::memory_order_release);
  ++arrived[header.number % 2];
}

/// A record whose keeper has not come yet says nothing about its rank.
std::vector<uint32_t> CountsExchange::absent() const {
  std::vector<uint32_t> ranks;
  for (uint32_t rank = 0; rank < communicator.size(); ++rank)
    if (!isHere(rank) && (places[rank].carrier == rank || isHere(places[rank].carrier)))
      ranks.push_back(rank);
  return ranks;
}

Status CountsExchange::wait(uint16_t activity, const std::string &what) {
  bool raised = false;
  SignalBoard::Waiter waiter(board, [this] { return absent(); });
  while (true) {
    FARO_RETURN_IF_ERROR(failure);
    if (!raised && arrived[number % 2] == carried) {
      arrived[number % 2] = 0;
      board.notify(SignalBoard::CountsFlag, {activity, 0});
      raised = true;
    }
    if (raised) {
      auto all = board.test(SignalBoard::CountsFlag, activity);
      if (!all)
        return all.status();
      if (*all)
        return Status::ok();
    }
    FARO_RETURN_IF_ERROR(waiter.pause(what));
  }
}

Expected<BatchCounts> CountsExchange::exchange(const MyCounts &mine, const std::string &what) {
  ++number;
  const uint32_t me = communicator.rank(), ranks = communicator.size();
  const uint32_t experts = uint32_t(mine.items.size()), nodes = uint32_t(mine.rows.size());
  Record *own = record(me, number);
  own->hash = mine.hash;
  own->activity = mine.activity;
  own->experts = experts;
  own->nodes = nodes;
  own->reserved = 0;
  std::memcpy(own->numbers(), mine.items.data(), mine.items.size_bytes());
  if (nodes)
    std::memcpy(own->numbers() + experts, mine.rows.data(), mine.rows.size_bytes());
  std::atomic_ref(own->number).store(number, std::memory_order_release);
  const size_t used = sizeof(Record) + (size_t(experts) + nodes) * sizeof(uint32_t);
  for (const uint32_t peer : peers)
    FARO_RETURN_IF_ERROR(send(peer, {reinterpret_cast<const std::byte *>(own), used}));
  FARO_RETURN_IF_ERROR(wait(mine.activity, what));

  BatchCounts all;
  all.items.resize(size_t(ranks) * experts);
  all.rows.nodes = nodes;
  all.rows.rows.resize(size_t(ranks) * nodes);
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    Record &theirs = *record(rank, number);
    if (theirs.activity != mine.activity || theirs.experts != experts || theirs.nodes != nodes)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} and rank {} are in different calls; all ranks must make the same collective "
                                "calls in the same order",
                                me, rank));
    all.hashes.push_back(theirs.hash);
    std::memcpy(all.items.data() + size_t(rank) * experts, theirs.numbers(), size_t(experts) * sizeof(uint32_t));
    if (nodes)
      std::memcpy(all.rows.rows.data() + size_t(rank) * nodes, theirs.numbers() + experts, nodes * sizeof(uint32_t));
  }
  return all;
}

} // namespace faro
