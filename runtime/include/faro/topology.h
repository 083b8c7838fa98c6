// Which ranks share a node, and with it memory, and what each has of its node's network cards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace faro {

/// Which rank is on which node. Nodes are numbered from 0 by their smallest rank and may differ in size; the ranks of a
/// node need not be neighbours.
///
///   nodeOf       0 1 1 0 2        (ranks 0 to 4)
///   localIndex   0 0 1 1 0        place among the ranks of the same node
///   ranksOf(1)   {1, 2}
class Topology {
public:
  /// By rank, any labels: ranks of the same label are on the same node. `nics`: by rank, more than 0, see nicsOf;
  /// empty: one each.
  explicit Topology(const std::vector<uint32_t> &labelOfRank, std::vector<double> nics = {});
  static Topology oneNode(uint32_t ranks);
  /// Contiguous ranks; the first `ranks` mod `nodes` nodes hold one more. nodes >= 1; nodes beyond `ranks` stay empty
  /// and do not exist.
  static Topology blocks(uint32_t ranks, uint32_t nodes);

  uint32_t ranks() const { return uint32_t(nodes_.size()); }
  uint32_t nodes() const { return uint32_t(begins_.size()) - 1; }
  uint32_t nodeOf(uint32_t rank) const { return nodes_[rank]; }
  uint32_t localIndex(uint32_t rank) const { return indices_[rank]; }
  /// Ascending.
  std::span<const uint32_t> ranksOf(uint32_t node) const {
    return std::span(grouped_).subspan(begins_[node], begins_[node + 1] - begins_[node]);
  }
  bool sameNode(uint32_t a, uint32_t b) const { return nodes_[a] == nodes_[b]; }
  /// Network cards that carry this rank's rows: 0.5 of a card that it shares with another rank, 2 where it has two.
  double nicsOf(uint32_t rank) const { return nics_[rank]; }
  std::span<const double> nics() const { return nics_; }
  /// Of its ranks together, added in their order.
  double nicsOfNode(uint32_t node) const;
  /// All nodes are of one size.
  bool regular() const;
  /// The node of each rank.
  std::span<const uint32_t> nodeOfRanks() const { return nodes_; }

  bool operator==(const Topology &other) const { return nodes_ == other.nodes_ && nics_ == other.nics_; }

private:
  std::vector<uint32_t> nodes_;   ///< by rank
  std::vector<uint32_t> indices_; ///< by rank
  std::vector<uint32_t> grouped_; ///< ranks, by node
  std::vector<uint32_t> begins_;  ///< of each node in `grouped_`, and the end
  std::vector<double> nics_;      ///< by rank
};

} // namespace faro
