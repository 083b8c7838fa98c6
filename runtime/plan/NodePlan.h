// What crosses nodes in one batch, for one rank: refines a Plan, whose items are all there is to know on one node.
//
//   topk_idx ─► countNodeRows ─► rows[nodes] ─(all-gather)─► NodeRows ─► balancer ─► Rails ─┐
//                                                                     Plan ─► makeNodePlan ─┴─► NodePlan
//
// A token goes to another node once, as a remote row. Remote rows are numbered by (destination node, token): those for
// node m are firstRow[m] .. firstRow[m + 1], its group. Which rail takes which rows follows from the counts alone:
//
//   - flows between two nodes are put in the order (rail, forwarder); a rail's share is the sum of its flows;
//   - every rank keeps the first rows of its group, up to its share; what is beyond is surplus, and it is always the
//     group's last rows. Surpluses, by rank, fill the shares that are not full, by rail;
//   - a rail's rows for a node are thus its own, then those handed over, by owner; its flows to that node cut this
//     sequence, forwarder by forwarder.
//
// Handed rows wait in the rail's transit window, by (destination node, owner), adjacent. The way back runs the same
// flows backwards: the forwarder sends one partial row for each row it got, the rail puts it into the owner's partial
// window, which has one for each remote row, in their order: what a flow brings lands in runs. The own node's share of
// a token is in no window; it is summed when the token is.
//
// Pure functions. O(tokens x topk + ranks x nodes) time, O(tokens x topk + nodes x ranks per node) memory.
#pragma once

#include "faro/session.h"
#include "runtime/plan/Balancer.h"
#include "runtime/plan/ExpertMap.h"
#include "runtime/plan/Plan.h"

#include <span>

namespace faro {

/// A run of this rank's remote rows that leave by one rail to one forwarder.
struct Piece {
  uint32_t node;       ///< where they go
  uint32_t firstRow;   ///< remote row
  uint32_t rows;       ///< > 0
  uint32_t rail;       ///< this rank, or another one of this node
  uint32_t forwarder;  ///< of `node`
  uint32_t flowRow;    ///< of firstRow: its place among the rows of the flow (rail, forwarder)
  uint32_t transitRow; ///< of firstRow, in the rail's transit window; NoTransit when this rank is the rail

  static constexpr uint32_t NoTransit = 0xffffffffu;
};

/// Rows that leave by this rank, adjacent where they lie.
struct Load {
  uint32_t owner; ///< this rank, or the one of this node that hands them over
  uint32_t first; ///< owner is this rank: remote row; else row of this rank's transit window
  uint32_t rows;  ///< > 0
};

/// What this rank puts on the wire for one forwarder, in this order: loads[firstLoad] .. loads[firstLoad + loads - 1].
/// Dispatch sends it; in a combine as many partial rows come back.
struct SendFlow {
  uint32_t node, forwarder;
  uint32_t rows;
  uint32_t firstLoad, loads;
};

/// What this rank takes in as a forwarder. In a combine it sends as many partial rows back.
struct ReceiveFlow {
  uint32_t node, rail;
  uint32_t rows;
};

class NodePlan {
public:
  uint32_t node = 0;  ///< this rank's
  uint64_t moved = 0; ///< rows that ranks of this node hand to each other

  // This rank's remote rows. Row i is token rowToken[i]; its items are items[rowItems[i]] .. items[rowItems[i + 1] -
  // 1].
  std::vector<uint32_t> firstRow; ///< nodes + 1; the own node's group is empty
  std::vector<uint32_t> rowToken;
  std::vector<uint32_t> rowItems; ///< remote rows + 1
  std::vector<uint32_t> items;    ///< into Plan::places and choices; a row's in the order of k
  std::vector<Piece> pieces;      ///< by firstRow; they cover each remote row once

  // Items of this rank's tokens on this node: token t's are localItems[localOffsets[t]] .. (in the order of k).
  std::vector<uint32_t> localOffsets; ///< tokens + 1
  std::vector<uint32_t> localItems;   ///< into Plan::places and choices

  std::vector<SendFlow> sends;             ///< by node, forwarder
  std::vector<Load> loads;                 ///< of the send flows, in their order
  std::vector<ReceiveFlow> receives;       ///< by node, rail
  std::vector<uint32_t> transitRowsOfRank; ///< ranks of this node, by local index

  // Combine. Token t's partial rows are partialRows[partialOffsets[t]] .., in ascending order of their nodes: the order
  // of the sum. Each is a remote row, which is a row of this rank's partial window, or OwnShare.
  static constexpr uint32_t OwnShare = 0xffffffffu; ///< of the token's items on this node
  std::vector<uint32_t> partialOffsets;             ///< tokens + 1
  std::vector<uint32_t> partialRows;
  std::vector<uint32_t> partialRowsOfRank; ///< ranks of this node, by local index

  uint32_t remoteRows() const { return uint32_t(rowToken.size()); }
};

/// This rank's line of NodeRows: tokens that have items on each node, its own included. Experts must be in range
/// (countItems checks it).
std::vector<uint32_t> countNodeRows(const Topology &, const ExpertMap &, uint32_t topk, TopkIdx);

/// `all` holds the lines of all ranks. INVALID_ARGUMENT when this rank's line is not what its plan has (another
/// routing), or when rows through a rank exceed 2^32 - 1.
Expected<NodePlan> makeNodePlan(const Topology &, uint32_t rank, const Plan &, const NodeRows &all, Balancer);

} // namespace faro
