// Which rank carries which rows from node to node.
//
//   NodeRows (all ranks' counts) ─► Balancer ─► Rails: flows (rail ─► forwarder, rows) ─► makeNodePlan
//
// A row is one copy of a token for one node. A rank that puts rows on the wire is a rail of its node; the rank that
// takes them in and fans them out is a forwarder of the other. A balancer says how many rows go from which rail to
// which forwarder; which rows these are follows from the counts by a fixed rule (NodePlan.h), so nobody needs to be
// told.
//
// A rank's load is its rows for each of its network cards (Topology::nicsOf): rows over their number, which is 1 unless
// somebody says otherwise.
//
// Balancers are pure functions of what all ranks know, one a file, and all ranks must use the same one. They count
// rows, so that a flow back (combine's partial sums) is balanced as well: what a rank sends one way it receives the
// other way.
#pragma once

#include "faro/status.h"
#include "faro/topology.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace faro {

/// Copies that each rank has for each node, of all ranks. rows[rank x nodes + node]; on the rank's own node: tokens
/// that have an item there. These cross no wire (balancers skip them), but have a partial row each when results come
/// back.
struct NodeRows {
  uint32_t nodes = 0;
  std::vector<uint32_t> rows;

  uint32_t of(uint32_t rank, uint32_t node) const { return rows[size_t(rank) * nodes + node]; }
};

/// `rows` > 0 copies that rank `rail` sends to rank `forwarder` of another node.
struct Flow {
  uint32_t rail, forwarder;
  uint64_t rows;
  bool operator==(const Flow &) const = default;
};

/// A balancer's answer.
struct Rails {
  /// By node of the rail, node of the forwarder, rail, forwarder. No two have both ends in common.
  std::vector<Flow> flows;
  /// Of these flows' rows: those that leave by another rail than the rank that has the token. They cross the node's
  /// fast links once more.
  uint64_t moved = 0;
};

/// All flows of the job, or (what a rank of that node needs) only those that leave or reach `node`: the same ones.
/// For each ordered pair of nodes the flows' rows add up to the rows of the first node's ranks for the second.
using Balancer = Rails (*)(const Topology &, const NodeRows &, std::optional<uint32_t> node);

/// Every rank sends its own rows to the rank of the same local index there, modulo that node's size. Nothing moves.
Rails staticRails(const Topology &, const NodeRows &, std::optional<uint32_t> node = {});
/// FUSCO's Algorithm 1 (arXiv 2512.22036): own rows, but heavy senders are matched with light ones. Nothing moves.
Rails fuscoRails(const Topology &, const NodeRows &, std::optional<uint32_t> node = {});
/// Moves rows to another rail at the source, just as many as bring every rank's load to at most 1.02 of the lower bound
/// (and less than a row a node of rounding, on a rank with the least part of a card); static where that is as good.
Rails cappedBlend(const Topology &, const NodeRows &, std::optional<uint32_t> node = {});

/// "static", "fusco" or "blend"; null for any other name.
Balancer findBalancer(std::string_view name);
/// The name in FARO_BALANCER, else "blend". INVALID_ARGUMENT for a name that is none.
Expected<std::string_view> balancerFromEnvironment();

/// Rows that each rank sends and receives over the wire.
struct Loads {
  std::vector<uint64_t> sent, received; ///< by rank
  /// The largest of all, for each network card of its rank.
  double most(const Topology &) const;
};
Loads loadsOf(const Topology &, const Rails &);
/// Those of staticRails over the whole job, without listing its flows.
Loads staticLoads(const Topology &, const NodeRows &);

/// What no balancer can undercut: the most rows a network card that any node's rows make, sent or received, spread
/// evenly over the cards of its ranks. A real number; 0 when nothing crosses nodes.
double lowerBound(const Topology &, const NodeRows &);
/// Loads::most over the lower bound; 1 when nothing crosses nodes.
double overLowerBound(const Topology &, const NodeRows &, const Rails &);

} // namespace faro
