// How every rank learns every rank's counts before a batch.
//
//   mine ─► a record in my board ──────────────────────────────────────┐
//     └─► one message to one rank of each other node ─► its board ─────┴─► CountsFlag (node) ─► everybody reads
//
// A rank sends nodes - 1 messages of O(experts + nodes) bytes, to the rank of its own local index modulo the other
// node's size, which keeps it where its whole node can read it. Nobody is in the middle.
//
// Two sets of records alternate. A peer may be one exchange ahead and never two: to end an exchange it needs
// everybody's record, and each rank sends its next one only when it has read all of the last but one.
#pragma once

#include "runtime/engine/SignalBoard.h"
#include "runtime/plan/Balancer.h"

namespace faro {

/// Who of `node` takes what a rank of another node has for the whole node: the rank of the same local index, modulo
/// that node's size.
uint32_t counterpartOn(const Topology &topology, uint32_t node, uint32_t rank);

/// What the ranks told each other.
struct BatchCounts {
  std::vector<uint32_t> items; ///< [ranks x experts]
  NodeRows rows;
  std::vector<uint64_t> hashes; ///< by rank
};

/// What one rank says.
struct MyCounts {
  uint16_t activity; ///< ranks in different calls are found out
  uint64_t hash;
  std::span<const uint32_t> items; ///< [experts]
  std::span<const uint32_t> rows;  ///< [nodes]; empty where all ranks are on one node
};

class CountsExchange {
public:
  /// What `SignalBoard::create` has to make room for, by local index, for up to `experts` experts.
  static std::vector<uint64_t> boardBytes(const Communicator &communicator, uint32_t experts);

  /// `send` puts a message on its way to `received` of that rank's exchange.
  using Send = std::function<Status(uint32_t rank, std::span<const std::byte> bytes)>;
  CountsExchange(const Communicator &communicator, SignalBoard &board, uint32_t experts, Send send);

  /// Collective. Waits within the communicator's time-out and names the ranks whose counts did not come.
  Expected<BatchCounts> exchange(const MyCounts &mine, const std::string &what);

  /// A message of a rank of another node has arrived.
  void received(uint32_t rank, std::span<const std::byte> bytes);

private:
  struct Record;
  /// Where a rank's record can be read on this node.
  struct Place {
    uint32_t carrier; ///< the rank of this node that holds it
    uint32_t slot;
  };
  Record *record(uint32_t rank, uint64_t number) const;
  bool isHere(uint32_t rank) const;
  std::vector<uint32_t> absent() const;
  Status wait(uint16_t activity, const std::string &what);

  const Communicator &communicator;
  SignalBoard &board;
  const uint64_t recordBytes;
  Send send;
  std::vector<Place> places;   ///< by rank
  std::vector<uint32_t> peers; ///< who gets my record, one on each other node
  uint32_t carried = 0;        ///< records of other nodes that I keep for mine
  uint64_t number = 0;         ///< of the exchange under way or over
  uint32_t arrived[2] = {};    ///< of the carried ones, by set
  Status failure;              ///< what a message was wrong with
};

} // namespace faro
