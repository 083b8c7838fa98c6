// Which rank is on which node, and how the ranks of a job find out.
#include "runtime/core/NodeExchange.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

namespace faro {
namespace {

using Ranks = std::vector<uint32_t>;

Ranks ranksOf(const Topology &topology, uint32_t node) {
  const auto ranks = topology.ranksOf(node);
  return {ranks.begin(), ranks.end()};
}

/// What holds of every topology.
void expectConsistent(const Topology &topology) {
  uint32_t seen = 0;
  uint32_t smallestBefore = 0;
  for (uint32_t node = 0; node < topology.nodes(); ++node) {
    const Ranks ranks = ranksOf(topology, node);
    ASSERT_FALSE(ranks.empty()) << "node " << node;
    EXPECT_TRUE(std::is_sorted(ranks.begin(), ranks.end()));
    EXPECT_TRUE(node == 0 ? ranks[0] == 0 : ranks[0] > smallestBefore) << "nodes are numbered by their smallest rank";
    smallestBefore = ranks[0];
    for (uint32_t i = 0; i < ranks.size(); ++i) {
      EXPECT_EQ(topology.nodeOf(ranks[i]), node);
      EXPECT_EQ(topology.localIndex(ranks[i]), i);
      ++seen;
    }
  }
  EXPECT_EQ(seen, topology.ranks()) << "every rank is on one node";
}

TEST(Topology, NodesAreNumberedByTheirSmallestRankWhateverTheLabels) {
  const Topology topology(Ranks{7, 7, 3, 900, 3, 7});
  expectConsistent(topology);
  EXPECT_EQ(topology.nodes(), 3u);
  EXPECT_EQ(ranksOf(topology, 0), (Ranks{0, 1, 5}));
  EXPECT_EQ(ranksOf(topology, 1), (Ranks{2, 4}));
  EXPECT_EQ(ranksOf(topology, 2), (Ranks{3}));
  EXPECT_FALSE(topology.regular());
  EXPECT_TRUE(topology.sameNode(1, 5));
  EXPECT_FALSE(topology.sameNode(1, 2));
  EXPECT_EQ(topology, Topology(Ranks{0, 0, 1, 2, 1, 0}));
}

TEST(Topology, BlocksAreContiguousAndTheFirstHoldOneMore) {
  for (uint32_t ranks = 1; ranks <= 17; ++ranks)
    for (uint32_t nodes = 1; nodes <= ranks; ++nodes) {
      const Topology topology = Topology::blocks(ranks, nodes);
      expectConsistent(topology);
      ASSERT_EQ(topology.nodes(), nodes);
      for (uint32_t node = 0; node < nodes; ++node)
        EXPECT_EQ(topology.ranksOf(node).size(), ranks / nodes + (node < ranks % nodes));
      for (uint32_t rank = 1; rank < ranks; ++rank)
        EXPECT_GE(topology.nodeOf(rank), topology.nodeOf(rank - 1));
      EXPECT_EQ(topology.regular(), ranks % nodes == 0);
    }
  EXPECT_EQ(Topology::oneNode(5), Topology::blocks(5, 1));
  EXPECT_EQ(Topology::blocks(2, 5).nodes(), 2u) << "a node without ranks is none";
}

NodeHint told(uint32_t node, std::string machine = "m") { return {node, std::move(machine), 0}; }
NodeHint on(std::string machine, uint32_t ranksPerNode = 0) { return {std::nullopt, std::move(machine), ranksPerNode}; }

void expectTopology(const std::vector<NodeHint> &hints, const Ranks &nodes) {
  const auto topology = topologyOf(hints);
  ASSERT_TRUE(topology) << topology.status().message();
  EXPECT_EQ(*topology, Topology(nodes));
}

TEST(NodeHints, WhatTheLauncherSaysWinsOverTheMachine) {
  expectTopology({told(1), told(0), told(1), told(0)}, {0, 1, 0, 1});
  expectTopology({told(4, "a"), told(4, "b")}, {0, 0});
}

TEST(NodeHints, RanksOfOneMachineAreOnOneNodeWhateverTheirOrder) {
  expectTopology({on("a"), on("b"), on("a"), on("c"), on("b"), on("b")}, {0, 1, 0, 2, 1, 1});
  expectTopology({on("a", 1), on("a", 1)}, {0, 0});
}

TEST(NodeHints, BlocksOfRanksPerNodeWhereMachinesAreUnknown) {
  expectTopology({on("", 2), on("", 2), on("", 2), on("", 2), on("", 2)}, {0, 0, 1, 1, 2});
  // One machine that does not know itself makes the others' knowledge useless.
  expectTopology({on("a", 2), on("b", 2), on("", 2), on("a", 2)}, {0, 0, 1, 1});
  expectTopology({on(""), on(""), on("")}, {0, 0, 0});
}

TEST(NodeHints, ToldOnSomeRanksOnlyIsAnError) {
  for (const auto &hints : {std::vector{told(0), on("a"), on("a")}, std::vector{on("a"), told(3), on("a")}}) {
    const auto topology = topologyOf(hints);
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.status().code(), FARO_INVALID_ARGUMENT);
    for (const char *word : {"rank 0", "rank 1", "FARO_NODE"})
      EXPECT_NE(topology.status().message().find(word), std::string::npos) << topology.status().message();
  }
}

TEST(NodeHints, SharesOfNetworkCardsAreEveryRanksOwn) {
  std::vector<NodeHint> hints = {on("a"), on("b"), on("a")};
  EXPECT_EQ(topologyOf(hints)->nicsOf(2), 1.0);
  hints[2].nics = 0.5;
  const auto topology = topologyOf(hints);
  EXPECT_EQ(topology->nicsOf(0), 1.0);
  EXPECT_EQ(topology->nicsOf(2), 0.5);
  EXPECT_FALSE(*topology == Topology(Ranks{0, 1, 0}));
}

TEST(NodeHints, SharesThatCannotBeAreErrorsThatNameTheRank) {
  std::vector<NodeHint> hints = {on("a"), on("a")};
  for (const double nics : {0.0, -1.0, 1e9, std::numeric_limits<double>::quiet_NaN()}) {
    hints[1].nics = nics;
    const auto topology = topologyOf(hints);
    ASSERT_FALSE(topology) << nics;
    EXPECT_EQ(topology.status().code(), FARO_INVALID_ARGUMENT);
    EXPECT_NE(topology.status().message().find("rank 1 has "), std::string::npos) << topology.status().message();
  }
}

TEST(NodeHints, ThisMachineHasAnIdentityThatStays) {
  EXPECT_NE(machineIdentity(), "");
  EXPECT_EQ(machineIdentity(), machineIdentity());
}

} // namespace
} // namespace faro
