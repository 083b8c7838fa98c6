// A rank's plan as it tells the others with FARO_CHECK=1, and as they read it.
#pragma once

#include "faro/communicator.h"
#include "runtime/plan/NodePlan.h"

namespace faro {

struct PlanRecord {
  struct Item {
    uint32_t rank, row, choice;
  };
  /// A remote row: the items of a token on one node.
  struct Row {
    uint32_t token, firstItem, items; ///< into remoteItems
  };

  uint64_t program = 0; ///< programHash
  uint64_t windows = 0; ///< a hash of rowsOfRank
  uint32_t topk = 0, tokens = 0;
  std::vector<Item> items; ///< Plan::places and choices
  std::vector<Row> rows;
  std::vector<uint32_t> remoteItems; ///< NodePlan::items
  std::vector<Piece> pieces;
  std::vector<SendFlow> sends;
  std::vector<ReceiveFlow> receives;
  std::vector<uint32_t> transitRows, partialRows; ///< of the ranks of its node

  static PlanRecord of(const Plan &, const NodePlan *across);
  Bytes encode() const;
  /// DATA_LOSS when the bytes are none.
  static Expected<PlanRecord> decode(const Bytes &);
};

} // namespace faro
