#include "runtime/plan/NodePlan.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace faro {

constexpr uint32_t NoToken = 0xffffffffu;

std::vector<uint32_t> countNodeRows(const Topology &topology, const ExpertMap &map, uint32_t topk, TopkIdx idx) {
  std::vector<uint32_t> nodeOfExpert(map.experts());
  for (uint32_t e = 0; e < map.experts(); ++e)
    nodeOfExpert[e] = topology.nodeOf(map.owner[e]);
  std::vector<uint32_t> rows(topology.nodes()), seen(topology.nodes(), NoToken);
  for (int64_t t = 0; t < idx.tokens; ++t)
    for (uint32_t k = 0; k < topk; ++k)
      if (const int64_t e = idx.data[t * topk + k]; e >= 0) {
        const uint32_t node = nodeOfExpert[size_t(e)];
        rows[node] += seen[node] != uint32_t(t);
        seen[node] = uint32_t(t);
      }
  return rows;
}

namespace {

class Builder {
public:
  Builder(const Topology &topology, uint32_t rank, const Plan &plan, const NodeRows &all)
      : topology(topology), rank(rank), plan(plan), all(all) {
    out.node = topology.nodeOf(rank);
  }

  Status groupItems();
  void orderPartials();
  Status splitRows(const Rails &rails);
  Status countWindows();

  NodePlan out;

private:
  /// Rows of one owner that leave by one rail, `at` rows behind the start of what the rail sends to that node.
  struct Handing {
    uint32_t owner, firstOfGroup, rows, rail;
    uint64_t at;
    uint32_t transitRow;
  };
  Status checkRows(const Flow &flow) const;
  Status splitGroup(uint32_t node, std::span<const Flow> flows);
  void cut(const Handing &handing, uint32_t node, std::span<const Flow> flows);

  const Topology &topology;
  const uint32_t rank;
  const Plan &plan;
  const NodeRows &all;
  std::vector<uint64_t> transit; ///< rows handed to each rank of this node
  // Of one group; kept to save allocations.
  std::vector<uint64_t> share, handed;
  std::vector<std::vector<Load>> loadsOfFlow;
};

} // namespace

/// Remote rows and local items: two walks over the items, a counting sort by node.
Status Builder::groupItems() {
  const uint32_t nodes = topology.nodes(), tokens = uint32_t(plan.tokens);
  std::vector<uint32_t> rowsOf(nodes), itemsOf(nodes), seen(nodes, NoToken);
  std::vector<uint32_t> nodeOfItem(plan.places.size());
  out.partialOffsets.resize(size_t(tokens) + 1);
  for (uint32_t t = 0, partials = 0; t < tokens; ++t) {
    for (uint32_t i = plan.offsets[t]; i < plan.offsets[t + 1]; ++i) {
      const uint32_t node = nodeOfItem[i] = topology.nodeOf(plan.places[i].rank);
      ++itemsOf[node];
      const uint32_t first = seen[node] != t;
      seen[node] = t;
      rowsOf[node] += first;
      partials += first;
    }
    out.partialOffsets[t + 1] = partials;
  }
  for (uint32_t m = 0; m < nodes; ++m)
    if (rowsOf[m] != all.of(rank, m))
      return {
          FARO_INVALID_ARGUMENT,
          fmt::format("rank {}: its plan has {} tokens for node {}, but its counts say {}; plan and counts must come "
                      "from the same routing",
                      rank, rowsOf[m], m, all.of(rank, m))};

  const uint32_t shares = std::exchange(rowsOf[out.node], 0);
  const uint32_t localItems = std::exchange(itemsOf[out.node], 0);
  std::vector<uint32_t> nextRow(nodes), nextItem(nodes);
  std::exclusive_scan(rowsOf.begin(), rowsOf.end(), nextRow.begin(), 0u);
  std::exclusive_scan(itemsOf.begin(), itemsOf.end(), nextItem.begin(), 0u);
  out.firstRow = nextRow;
  out.firstRow.push_back(out.partialOffsets.back() - shares);
  out.rowToken.resize(out.firstRow.back());
  out.rowItems.resize(size_t(out.firstRow.back()) + 1);
  out.items.resize(plan.places.size() - localItems);
  out.rowItems.back() = uint32_t(out.items.size());
  out.localOffsets.resize(size_t(tokens) + 1);
  out.localItems.reserve(localItems);

  std::fill(seen.begin(), seen.end(), NoToken);
  for (uint32_t t = 0; t < tokens; ++t) {
    for (uint32_t i = plan.offsets[t]; i < plan.offsets[t + 1]; ++i) {
      const uint32_t node = nodeOfItem[i];
      if (node == out.node) {
        out.localItems.push_back(i);
      } else {
        if (seen[node] != t) {
          out.rowToken[nextRow[node]] = t;
          out.rowItems[nextRow[node]++] = nextItem[node];
        }
        out.items[nextItem[node]++] = i;
      }
      seen[node] = t;
    }
    out.localOffsets[t + 1] = uint32_t(out.localItems.size());
  }
  return Status::ok();
}

/// Each token's partial rows in the order of nodes: the rows of one node after the other's.
void Builder::orderPartials() {
  std::vector<uint32_t> next(out.partialOffsets.begin(), out.partialOffsets.end() - 1);
  out.partialRows.resize(out.partialOffsets.back());
  for (uint32_t m = 0; m < topology.nodes(); ++m) {
    for (uint32_t row = out.firstRow[m]; row < out.firstRow[m + 1]; ++row)
      out.partialRows[next[out.rowToken[row]]++] = row;
    for (uint32_t t = 0; m == out.node && t < uint32_t(plan.tokens); ++t)
      if (out.localOffsets[t] != out.localOffsets[t + 1])
        out.partialRows[next[t]++] = NodePlan::OwnShare;
  }
}

Status Builder::checkRows(const Flow &flow) const {
  if (flow.rows <= MaxRows)
    return Status::ok();
  return {FARO_INVALID_ARGUMENT,
          fmt::format("{} rows would go from rank {} to rank {}, more than the {} that a batch may "
                      "have; send smaller batches",
                      flow.rows, flow.rail, flow.forwarder, MaxRows)};
}

/// Pieces of this rank's rows, what this rank sends, and what it receives.
Status Builder::splitRows(const Rails &rails) {
  transit.assign(topology.ranksOf(out.node).size(), 0);
  std::vector<std::span<const Flow>> leaving(topology.nodes());
  for (size_t begin = 0, end = 0; begin < rails.flows.size(); begin = end) {
    const uint32_t from = topology.nodeOf(rails.flows[begin].rail), to = topology.nodeOf(rails.flows[begin].forwarder);
    for (; end < rails.flows.size() && topology.nodeOf(rails.flows[end].rail) == from &&
           topology.nodeOf(rails.flows[end].forwarder) == to;
         ++end)
      if (const Flow &flow = rails.flows[end]; flow.forwarder == rank) {
        FARO_RETURN_IF_ERROR(checkRows(flow));
        out.receives.push_back({from, flow.rail, uint32_t(flow.rows)});
      }
    if (from == out.node)
      leaving[to] = {&rails.flows[begin], end - begin};
  }
  for (uint32_t to = 0; to < topology.nodes(); ++to)
    if (to != out.node)
      FARO_RETURN_IF_ERROR(splitGroup(to, leaving[to]));
  return Status::ok();
}

Status Builder::splitGroup(uint32_t node, std::span<const Flow> flows) {
  const auto ranks = topology.ranksOf(out.node);
  share.assign(ranks.size(), 0);
  for (const Flow &flow : flows)
    share[topology.localIndex(flow.rail)] += flow.rows;

  const size_t firstSend = out.sends.size();
  for (const Flow &flow : flows)
    if (flow.rail == rank) {
      FARO_RETURN_IF_ERROR(checkRows(flow));
      out.sends.push_back({node, flow.forwarder, uint32_t(flow.rows), 0, 0});
    }
  loadsOfFlow.assign(out.sends.size() - firstSend, {});

  // What each rank keeps comes first in what its rail sends.
  handed.assign(ranks.size(), 0);
  for (uint32_t r = 0; r < ranks.size(); ++r) {
    const uint64_t own = all.of(ranks[r], node);
    handed[r] = std::min(own, share[r]);
    if (ranks[r] == rank && handed[r] > 0)
      cut({rank, 0, uint32_t(handed[r]), rank, 0, Piece::NoTransit}, node, flows);
  }
  // Surpluses, by owner, fill the rails that have room.
  uint32_t rail = 0;
  for (uint32_t owner = 0; owner < ranks.size(); ++owner) {
    uint64_t own = all.of(ranks[owner], node), next = std::min(own, share[owner]);
    while (next < own) {
      while (rail < ranks.size() && handed[rail] == share[rail])
        ++rail;
      if (rail == ranks.size())
        return {FARO_INTERNAL,
                fmt::format("rank {}: the balancer's flows from node {} to node {} carry fewer rows than "
                            "there are",
                            rank, out.node, node)};
      const uint64_t rows = std::min(own - next, share[rail] - handed[rail]);
      if (transit[rail] + rows > MaxRows)
        return {FARO_INVALID_ARGUMENT,
                fmt::format("rank {} would be handed more than the {} rows that a batch may have; "
                            "send smaller batches",
                            ranks[rail], MaxRows)};
      if (ranks[owner] == rank || ranks[rail] == rank)
        cut({ranks[owner], uint32_t(next), uint32_t(rows), ranks[rail], handed[rail], uint32_t(transit[rail])}, node,
            flows);
      transit[rail] += rows;
      handed[rail] += rows;
      next += rows;
      out.moved += rows;
    }
  }
  for (rail = 0; rail < ranks.size(); ++rail)
    if (handed[rail] != share[rail])
      return {FARO_INTERNAL,
              fmt::format("rank {}: the balancer's flows from rank {} to node {} carry {} rows, but there are {}", rank,
                          ranks[rail], node, share[rail], handed[rail])};

  for (size_t i = firstSend; i < out.sends.size(); ++i) {
    const auto &loads = loadsOfFlow[i - firstSend];
    out.sends[i].firstLoad = uint32_t(out.loads.size());
    out.sends[i].loads = uint32_t(loads.size());
    out.loads.insert(out.loads.end(), loads.begin(), loads.end());
  }
  return Status::ok();
}

/// Cuts what an owner's rail sends where one of the rail's flows ends and the next begins. Pieces if they are this
/// rank's rows, loads if this rank is the rail.
void Builder::cut(const Handing &handing, uint32_t node, std::span<const Flow> flows) {
  uint64_t flowBegin = 0;
  size_t sendIndex = 0;
  for (const Flow &flow : flows) {
    if (flow.rail != handing.rail)
      continue;
    const uint64_t begin = std::max(flowBegin, handing.at),
                   end = std::min(flowBegin + flow.rows, handing.at + handing.rows);
    if (begin < end) {
      const uint32_t skipped = uint32_t(begin - handing.at), rows = uint32_t(end - begin);
      const uint32_t firstRow = handing.firstOfGroup + skipped;
      const uint32_t transitRow =
          handing.transitRow == Piece::NoTransit ? Piece::NoTransit : handing.transitRow + skipped;
      if (handing.owner == rank)
        out.pieces.push_back({node, out.firstRow[node] + firstRow, rows, handing.rail, flow.forwarder,
                              uint32_t(begin - flowBegin), transitRow});
      if (handing.rail == rank)
        loadsOfFlow[sendIndex].push_back(
            {handing.owner, handing.owner == rank ? out.firstRow[node] + firstRow : transitRow, rows});
    }
    flowBegin += flow.rows;
    ++sendIndex;
  }
}

Status Builder::countWindows() {
  out.transitRowsOfRank.assign(transit.begin(), transit.end());
  for (uint32_t r : topology.ranksOf(out.node)) {
    uint64_t rows = 0;
    for (uint32_t m = 0; m < topology.nodes(); ++m)
      rows += m == out.node ? 0 : all.of(r, m);
    if (rows > MaxRows)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("rank {} would have {} partial rows, more than the {} that a batch may "
                          "have; send smaller batches",
                          r, rows, MaxRows)};
    out.partialRowsOfRank.push_back(uint32_t(rows));
  }
  return Status::ok();
}

Expected<NodePlan> makeNodePlan(const Topology &topology, uint32_t rank, const Plan &plan, const NodeRows &all,
                                Balancer balancer) {
  Builder builder(topology, rank, plan, all);
  FARO_RETURN_IF_ERROR(builder.groupItems());
  builder.orderPartials();
  FARO_RETURN_IF_ERROR(builder.splitRows(balancer(topology, all, builder.out.node)));
  FARO_RETURN_IF_ERROR(builder.countWindows());
  return std::move(builder.out);
}

} // namespace faro
