#include "runtime/plan/FlowCheck.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace faro {

//===------------------------------------------------------------ owner ---===//

/// That `rows` are one token's items on one node; counts them in `left`.
static Status checkItems(const Topology &topology, uint32_t rank, const Plan &plan, std::span<const uint32_t> items,
                         uint32_t token, uint32_t node, std::vector<uint32_t> &left) {
  const uint32_t topk = plan.program->routes.topk;
  for (uint32_t item : items) {
    if (item >= plan.places.size())
      return planFault(
          fmt::format("rank {}, token {}: item {} of {} does not exist", rank, token, item, plan.places.size()));
    const uint32_t choice = plan.choices[item], onNode = topology.nodeOf(plan.places[item].rank);
    if (choice / topk != token || onNode != node)
      return planFault(fmt::format("rank {}, token {}, choice {} is on node {}, but it goes with token {} to node {}",
                                   rank, choice / topk, choice % topk, onNode, token, node));
    ++left[item];
  }
  return Status::ok();
}

static Status checkPieces(const Topology &topology, uint32_t rank, const NodePlan &across) {
  uint32_t next = 0;
  for (const Piece &piece : across.pieces) {
    if (piece.rail >= topology.ranks() || !topology.sameNode(piece.rail, rank) || piece.forwarder >= topology.ranks() ||
        topology.nodeOf(piece.forwarder) != piece.node || piece.node == across.node)
      return planFault(
          fmt::format("rank {}: remote row {} leaves by rank {} for rank {} of node {}; expected a rail on node "
                      "{} and a forwarder on that other node",
                      rank, piece.firstRow, piece.rail, piece.forwarder, piece.node, across.node));
    if ((piece.rail == rank) != (piece.transitRow == Piece::NoTransit))
      return planFault(fmt::format("rank {}: remote row {} leaves by rank {} {} that rank's transit window", rank,
                                   piece.firstRow, piece.rail, piece.rail == rank ? "through" : "without"));
    const uint32_t begin = across.firstRow[piece.node], end = across.firstRow[piece.node + 1];
    if (piece.firstRow != next || piece.rows == 0 || piece.firstRow < begin || piece.rows > end - piece.firstRow)
      return planFault(
          fmt::format("rank {}: {} remote rows from {} on go to node {}, whose rows are {} to {}; expected the "
                      "rows from {} on",
                      rank, piece.rows, piece.firstRow, piece.node, begin, end, next));
    next += piece.rows;
  }
  if (next != across.remoteRows())
    return planFault(fmt::format("rank {}: only {} of {} remote rows leave", rank, next, across.remoteRows()));
  return Status::ok();
}

Status checkOwner(const Topology &topology, uint32_t rank, const Plan &plan, const NodePlan &across) {
  std::vector<uint32_t> left(plan.places.size());
  const std::span items(across.items), local(across.localItems);
  for (uint32_t node = 0; node < topology.nodes(); ++node)
    for (uint32_t row = across.firstRow[node]; row < across.firstRow[node + 1]; ++row)
      FARO_RETURN_IF_ERROR(checkItems(
          topology, rank, plan, items.subspan(across.rowItems[row], across.rowItems[row + 1] - across.rowItems[row]),
          across.rowToken[row], node, left));
  for (uint32_t token = 0; token < uint32_t(plan.tokens); ++token)
    FARO_RETURN_IF_ERROR(checkItems(
        topology, rank, plan,
        local.subspan(across.localOffsets[token], across.localOffsets[token + 1] - across.localOffsets[token]), token,
        across.node, left));
  for (uint32_t item = 0; item < left.size(); ++item)
    if (left[item] != 1)
      return planFault(fmt::format("rank {}, token {}, choice {} leaves {} times, expected once", rank,
                                   plan.choices[item] / plan.program->routes.topk,
                                   plan.choices[item] % plan.program->routes.topk, left[item]));
  FARO_RETURN_IF_ERROR(checkPieces(topology, rank, across));

  std::vector<uint32_t> summed(across.remoteRows());
  for (uint32_t token = 0; token < uint32_t(plan.tokens); ++token) {
    uint32_t shares = 0;
    for (uint32_t i = across.partialOffsets[token]; i < across.partialOffsets[token + 1]; ++i) {
      const uint32_t row = across.partialRows[i];
      if (row == NodePlan::OwnShare) {
        ++shares;
        continue;
      }
      if (row >= summed.size() || ++summed[row] > 1)
        return planFault(fmt::format("rank {}, token {}: partial row {} of {} is {}", rank, token, row, summed.size(),
                                     row < summed.size() ? "summed twice" : "out of bounds"));
      if (across.rowToken[row] != token)
        return planFault(fmt::format("rank {}, token {}: partial row {} belongs to token {}", rank, token, row,
                                     across.rowToken[row]));
    }
    const uint32_t expected = across.localOffsets[token] != across.localOffsets[token + 1];
    if (shares != expected)
      return planFault(fmt::format("rank {}, token {}: the own node's share is summed {} times, expected {}", rank,
                                   token, shares, expected));
  }
  if (const auto never = std::find(summed.begin(), summed.end(), 0u); never != summed.end())
    return planFault(fmt::format("rank {}: partial row {} is never summed", rank, never - summed.begin()));
  return Status::ok();
}

//===---------------------------------------------------- both ends ---===//

namespace {

/// A remote row on its way.
struct Claim {
  static constexpr uint32_t Nobody = 0xffffffffu;
  uint32_t owner = Nobody, row = 0, transitRow = 0;
};

} // namespace

/// Who planned each row of the flow from `rail` to `forwarder`. Every row needs one owner.
static Status claimFlow(const Topology &topology, uint32_t rail, uint32_t forwarder, uint64_t rows,
                        std::span<const PlanRecord> records, std::vector<Claim> &claims) {
  claims.assign(rows, {});
  for (uint32_t owner : topology.ranksOf(topology.nodeOf(rail)))
    for (const Piece &piece : records[owner].pieces) {
      if (piece.rail != rail || piece.forwarder != forwarder)
        continue;
      for (uint32_t i = 0; i < piece.rows; ++i) {
        const uint64_t at = uint64_t(piece.flowRow) + i;
        if (piece.firstRow + i >= records[owner].rows.size())
          return planFault(fmt::format("rank {}: remote row {} does not exist", owner, piece.firstRow + i));
        const uint32_t token = records[owner].rows[piece.firstRow + i].token;
        if (at >= rows)
          return planFault(
              fmt::format("rank {}, token {} is row {} of what rank {} sends rank {}, which has {} rows only", owner,
                          token, at, rail, forwarder, rows));
        if (claims[at].owner != Claim::Nobody)
          return planFault(fmt::format(
              "row {} of what rank {} sends rank {} is token {} of rank {} and token {} of rank {}", at, rail,
              forwarder, records[claims[at].owner].rows[claims[at].row].token, claims[at].owner, token, owner));
        claims[at] = {owner, piece.firstRow + i,
                      piece.transitRow == Piece::NoTransit ? Piece::NoTransit : piece.transitRow + i};
      }
    }
  for (uint64_t at = 0; at < rows; ++at)
    if (claims[at].owner == Claim::Nobody)
      return planFault(fmt::format("row {} of what rank {} sends rank {} is nobody's", at, rail, forwarder));
  return Status::ok();
}

/// What the pieces of `rail`'s node would have it send to ranks that it knows no flow to.
static Status checkKnown(const Topology &topology, uint32_t rail, const std::set<uint32_t> &forwarders,
                         std::span<const PlanRecord> records) {
  for (uint32_t owner : topology.ranksOf(topology.nodeOf(rail)))
    for (const Piece &piece : records[owner].pieces)
      if (piece.rail == rail && !forwarders.contains(piece.forwarder))
        return planFault(
            fmt::format("rank {} has {} rows for rank {} to send to rank {}, which rank {} does not know of", owner,
                        piece.rows, rail, piece.forwarder, rail));
  return Status::ok();
}

//===------------------------------------------------------------- rail ---===//

/// The rows that this rank sends, as its loads have them, are those that their owners planned.
static Status checkLoads(uint32_t rank, const NodePlan &across, const SendFlow &send, std::span<const Claim> claims) {
  uint32_t at = 0;
  for (const Load &load : std::span(across.loads).subspan(send.firstLoad, send.loads))
    for (uint32_t i = 0; i < load.rows; ++i, ++at) {
      if (at >= claims.size())
        return planFault(fmt::format("rank {} gathers more than the {} rows that it sends rank {}", rank, claims.size(),
                                     send.forwarder));
      const Claim &claim = claims[at];
      const uint32_t planned = claim.owner == rank ? claim.row : claim.transitRow;
      if (load.owner != claim.owner || load.first + i != planned)
        return planFault(
            fmt::format("row {} of what rank {} sends rank {} is {} {} of rank {}, but rank {} planned its {}", at,
                        rank, send.forwarder, load.owner == rank ? "row" : "transit row", load.first + i, load.owner,
                        claim.owner, planned));
    }
  if (at != claims.size())
    return planFault(
        fmt::format("rank {} gathers {} rows for rank {}, but sends {}", rank, at, send.forwarder, claims.size()));
  return Status::ok();
}

static Status checkTransit(const Topology &topology, uint32_t rank, const NodePlan &across,
                           std::span<const PlanRecord> records) {
  const uint32_t rows = across.transitRowsOfRank[topology.localIndex(rank)];
  std::vector<uint32_t> filledBy(rows, Claim::Nobody);
  for (uint32_t owner : topology.ranksOf(across.node)) {
    if (records[owner].transitRows != across.transitRowsOfRank ||
        records[owner].partialRows != across.partialRowsOfRank)
      return planFault(
          fmt::format("rank {} thinks that the transit or partial windows of node {} have other sizes than rank "
                      "{} does",
                      owner, across.node, rank));
    for (const Piece &piece : records[owner].pieces) {
      if (piece.rail != rank || piece.transitRow == Piece::NoTransit)
        continue;
      for (uint32_t i = 0; i < piece.rows; ++i) {
        const uint64_t row = uint64_t(piece.transitRow) + i;
        if (row >= rows)
          return planFault(
              fmt::format("rank {} hands a row to transit row {} of rank {}, which has {}", owner, row, rank, rows));
        if (filledBy[row] != Claim::Nobody)
          return planFault(fmt::format("transit row {} of rank {} is filled by rank {} and rank {}", row, rank,
                                       filledBy[row], owner));
        filledBy[row] = owner;
      }
    }
  }
  if (const auto never = std::find(filledBy.begin(), filledBy.end(), Claim::Nobody); never != filledBy.end())
    return planFault(fmt::format("transit row {} of rank {} is filled by nobody", never - filledBy.begin(), rank));
  return Status::ok();
}

Status checkRail(const Topology &topology, uint32_t rank, const NodePlan &across, std::span<const PlanRecord> records,
                 FlowRows &rows) {
  FARO_RETURN_IF_ERROR(checkTransit(topology, rank, across, records));
  std::set<uint32_t> forwarders;
  std::vector<Claim> claims;
  for (const SendFlow &send : across.sends) {
    if (!forwarders.insert(send.forwarder).second || topology.sameNode(rank, send.forwarder))
      return planFault(
          fmt::format("rank {} has a second flow to rank {}, or one on its own node", rank, send.forwarder));
    FARO_RETURN_IF_ERROR(claimFlow(topology, rank, send.forwarder, send.rows, records, claims));
    FARO_RETURN_IF_ERROR(checkLoads(rank, across, send, claims));
    for (const Claim &claim : claims)
      rows.returns[send.forwarder].insert({claim.owner, claim.row});
  }
  return checkKnown(topology, rank, forwarders, records);
}

//===-------------------------------------------------------- forwarder ---===//

/// That both ends think of the same number of rows, in every flow to this rank.
static Status checkEdges(const Topology &topology, uint32_t rank, const NodePlan &across,
                         std::span<const PlanRecord> records) {
  std::map<uint32_t, uint32_t> expected;
  for (const ReceiveFlow &receive : across.receives)
    expected[receive.rail] += receive.rows;
  for (uint32_t rail = 0; rail < topology.ranks(); ++rail) {
    uint64_t sent = 0;
    for (const SendFlow &send : records[rail].sends)
      sent += send.forwarder == rank ? send.rows : 0;
    const auto found = expected.find(rail);
    const uint32_t awaited = found == expected.end() ? 0 : found->second;
    if (sent != awaited)
      return planFault(fmt::format("rank {} sends rank {} {} rows, which expects {}", rail, rank, sent, awaited));
  }
  return Status::ok();
}

Status checkForwarder(const Topology &topology, uint32_t rank, const NodePlan &across,
                      std::span<const PlanRecord> records, FlowRows &rows) {
  FARO_RETURN_IF_ERROR(checkEdges(topology, rank, across, records));
  std::vector<Claim> claims;
  for (const ReceiveFlow &receive : across.receives) {
    FARO_RETURN_IF_ERROR(claimFlow(topology, receive.rail, rank, receive.rows, records, claims));
    auto &arrivals = rows.arrivals[receive.rail];
    for (const Claim &claim : claims) {
      const PlanRecord &owner = records[claim.owner];
      const PlanRecord::Row &row = owner.rows[claim.row];
      FlowRows::Arrival &arrival = arrivals.emplace_back(FlowRows::Arrival{claim.owner, row.token, {}});
      if (uint64_t(row.firstItem) + row.items > owner.remoteItems.size())
        return planFault(fmt::format("rank {}, token {}: its items end behind the last one", claim.owner, row.token));
      for (uint32_t item : std::span(owner.remoteItems).subspan(row.firstItem, row.items)) {
        if (item >= owner.items.size())
          return planFault(fmt::format("rank {}, token {}: item {} does not exist", claim.owner, row.token, item));
        const PlanRecord::Item &place = owner.items[item];
        if (place.rank >= topology.ranks() || !topology.sameNode(place.rank, rank))
          return planFault(
              fmt::format("rank {}, token {}, choice {} goes to rank {} by way of rank {}, which is not on that "
                          "node",
                          claim.owner, row.token, place.choice % owner.topk, place.rank, rank));
        arrival.destinations.push_back({place.rank, place.row});
      }
    }
  }
  return Status::ok();
}

} // namespace faro
