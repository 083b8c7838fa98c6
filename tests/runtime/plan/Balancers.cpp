// The laws of balancers, over jobs and counts by chance.
#include "tests/runtime/plan/SampledRouting.h"
#include "tests/runtime/plan/Scenarios.h"
#include "tests/support/Some.h"

#include <array>
#include <cmath>
#include <cstdlib>

using namespace faro;
using scenarios::Random;

namespace {

constexpr uint32_t Cases = 4000;

struct Named {
  const char *name;
  Balancer balancer;
};
const Named All[] = {{"static", staticRails}, {"fusco", fuscoRails}, {"blend", cappedBlend}};

/// Calls law(topology, rows) with many cases, each named by its seed.
template <typename Law> void forAll(Law law, uint32_t cases = Cases) {
  for (uint32_t seed = 0; seed < cases; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const Topology topology = scenarios::randomTopology(random, 1 + seed % 11, 8);
    law(topology, scenarios::randomRows(random, topology));
    if (testing::Test::HasFailure())
      return;
  }
}

uint64_t volume(const Topology &topology, const NodeRows &rows, uint32_t from, uint32_t to) {
  uint64_t sum = 0;
  for (uint32_t rank : topology.ranksOf(from))
    sum += rows.of(rank, to);
  return sum;
}

/// What cappedBlend promises: for each card 1.02 of the bound, or the next whole row of the rank with the most cards,
/// and less than a row a node of rounding, on the rank with the least part of a card.
double promised(const Topology &topology, const NodeRows &rows) {
  const double bound = lowerBound(topology, rows);
  const auto [fewest, most] = std::ranges::minmax(topology.nics());
  return std::max(1.02 * bound, std::ceil(bound * most) / most) + (topology.nodes() - 1) / fewest;
}

} // namespace

TEST(Balancers, conserveTheRowsOfEveryPairOfNodes) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    for (const auto &[name, balancer] : All) {
      std::vector<uint64_t> carried(size_t(topology.nodes()) * topology.nodes());
      for (const Flow &flow : balancer(topology, rows, {}).flows) {
        EXPECT_GT(flow.rows, 0u) << name;
        carried[topology.nodeOf(flow.rail) * topology.nodes() + topology.nodeOf(flow.forwarder)] += flow.rows;
      }
      for (uint32_t n = 0; n < topology.nodes(); ++n)
        for (uint32_t m = 0; m < topology.nodes(); ++m)
          EXPECT_EQ(carried[n * topology.nodes() + m], n == m ? 0 : volume(topology, rows, n, m))
              << name << ": " << n << " to " << m;
    }
  });
}

TEST(Balancers, listFlowsInOrderAndOnlyOnce) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    for (const auto &[name, balancer] : All) {
      const auto key = [&](const Flow &flow) {
        return std::array{topology.nodeOf(flow.rail), topology.nodeOf(flow.forwarder), flow.rail, flow.forwarder};
      };
      const std::vector<Flow> flows = balancer(topology, rows, {}).flows;
      for (size_t i = 1; i < flows.size(); ++i)
        EXPECT_LT(key(flows[i - 1]), key(flows[i])) << name;
    }
  });
}

TEST(Balancers, giveEveryNodeItsPartOfTheSameAnswer) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    for (const auto &[name, balancer] : All) {
      const Rails whole = balancer(topology, rows, {});
      EXPECT_EQ(balancer(topology, rows, {}).flows, whole.flows) << name;
      for (uint32_t node = 0; node < topology.nodes(); ++node) {
        std::vector<Flow> expected;
        std::copy_if(whole.flows.begin(), whole.flows.end(), std::back_inserter(expected), [&](const Flow &flow) {
          return topology.nodeOf(flow.rail) == node || topology.nodeOf(flow.forwarder) == node;
        });
        EXPECT_EQ(balancer(topology, rows, node).flows, expected) << name << ", node " << node;
      }
    }
  });
}

TEST(Balancers, countWhatMoves) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    for (const auto &[name, balancer] : All) {
      const Rails rails = balancer(topology, rows, {});
      std::vector<uint64_t> leaving(size_t(topology.ranks()) * topology.nodes());
      for (const Flow &flow : rails.flows)
        leaving[flow.rail * topology.nodes() + topology.nodeOf(flow.forwarder)] += flow.rows;
      uint64_t moved = 0;
      for (uint32_t rank = 0; rank < topology.ranks(); ++rank)
        for (uint32_t m = 0; m < topology.nodes(); ++m)
          if (const uint64_t out = leaving[rank * topology.nodes() + m]; out > rows.of(rank, m))
            moved += out - rows.of(rank, m);
      EXPECT_EQ(rails.moved, moved) << name;
    }
  });
}

TEST(StaticAndFusco, moveNothing) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    EXPECT_EQ(staticRails(topology, rows).moved, 0u);
    EXPECT_EQ(fuscoRails(topology, rows).moved, 0u);
  });
}

TEST(StaticRails, loadsAreThoseOfItsFlows) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    const Loads quick = staticLoads(topology, rows), listed = loadsOf(topology, staticRails(topology, rows));
    EXPECT_EQ(quick.sent, listed.sent);
    EXPECT_EQ(quick.received, listed.received);
  });
}

TEST(CappedBlend, meetsTheBoundUpToSlackAndRounding) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    EXPECT_LE(loadsOf(topology, cappedBlend(topology, rows)).most(topology), promised(topology, rows));
  });
}

TEST(CappedBlend, isNeverWorseThanStatic) {
  // Rounding makes it worse in one of ten thousand cases, unless it falls back.
  forAll(
      [](const Topology &topology, const NodeRows &rows) {
        EXPECT_LE(loadsOf(topology, cappedBlend(topology, rows)).most(topology),
                  staticLoads(topology, rows).most(topology));
      },
      60'000 / test::stepOf(10));
}

TEST(CappedBlend, movesNothingWhereStaticIsWithinTheLimit) {
  uint32_t seen = 0;
  forAll([&](const Topology &topology, const NodeRows &rows) {
    const double bound = lowerBound(topology, rows);
    if (staticLoads(topology, rows).most(topology) > 1.02 * bound)
      return;
    ++seen;
    EXPECT_EQ(cappedBlend(topology, rows).flows, staticRails(topology, rows).flows);
  });
  EXPECT_GT(seen, 100u);
}

TEST(CappedBlend, neverMovesMoreThanAnEvenSplit) {
  forAll([](const Topology &topology, const NodeRows &rows) {
    uint64_t even = 0; // rows above the even part, rounded up as the rounding may
    for (uint32_t rank = 0; rank < topology.ranks(); ++rank)
      for (uint32_t m = 0; m < topology.nodes(); ++m) {
        const uint32_t n = topology.nodeOf(rank);
        const double share = topology.nicsOf(rank) / topology.nicsOfNode(n);
        const uint64_t part = n == m ? 0 : uint64_t(double(volume(topology, rows, n, m)) * share);
        even += n != m && rows.of(rank, m) > part ? rows.of(rank, m) - part : 0;
      }
    EXPECT_LE(cappedBlend(topology, rows).moved, even);
  });
}

TEST(CappedBlend, movesAFewHundredthsOfWhatAnEvenSplitWould) {
  // 16 nodes of 8 ranks that each prefer other experts: every pair of nodes is uneven, but few ranks are overloaded.
  const sampled::Shape shape{16, 8, 256, 8, 256};
  const Topology topology = Topology::blocks(128, 16);
  const NodeRows rows = sampled::nodeRows(shape, sampled::Kind::OwnZipf, 7);
  uint64_t even = 0;
  for (uint32_t rank = 0; rank < 128; ++rank)
    for (uint32_t m = 0; m < 16; ++m)
      if (const uint32_t n = rank / 8; n != m)
        even += uint64_t(std::max(0.0, rows.of(rank, m) - double(volume(topology, rows, n, m)) / 8));
  const Rails rails = cappedBlend(topology, rows);
  EXPECT_GT(overLowerBound(topology, rows, staticRails(topology, rows)), 1.1);
  EXPECT_GT(rails.moved, 0u);
  EXPECT_LT(rails.moved, even / 8);
}

TEST(CappedBlend, relievesTheOneHeavySender) {
  // Two nodes of two ranks; rank 0 has all rows of its node. Half of them must leave by rank 1.
  const Topology topology = Topology::blocks(4, 2);
  const NodeRows rows{2, {0, 1000, 0, 0, 500, 0, 500, 0}};
  const Rails rails = cappedBlend(topology, rows);
  EXPECT_EQ(loadsOf(topology, staticRails(topology, rows)).most(topology), 1000);
  EXPECT_EQ(loadsOf(topology, fuscoRails(topology, rows)).most(topology),
            1000); // whom it is matched with changes nothing
  EXPECT_EQ(loadsOf(topology, rails).most(topology), 505);
  EXPECT_EQ(rails.moved, 495u); // 1.01 x 500 stay: no more is moved than it aims at
}

TEST(CappedBlend, handsOverAThirdOfARowANode) {
  // 48 nodes of two ranks with 21 and 20 rows for each other node. What the first has too much is less than half a row
  // a node: rounding each pair of nodes to the nearest would move nothing at all.
  const Topology topology = Topology::blocks(96, 48);
  NodeRows rows{48, {}};
  for (uint32_t rank = 0; rank < 96; ++rank)
    rows.rows.insert(rows.rows.end(), 48, 21 - rank % 2);
  const double bound = 20.5 * 47;
  EXPECT_EQ(lowerBound(topology, rows), bound);
  EXPECT_GT(staticLoads(topology, rows).most(topology), 1.02 * bound);
  EXPECT_LE(loadsOf(topology, cappedBlend(topology, rows)).most(topology), 1.02 * bound);
}

TEST(CappedBlend, joinsNodesOfDifferentSizes) {
  // Three ranks to two and back: quotas 200, 200, 200 meet quotas 300, 300 in four flows.
  const Topology topology(std::vector<uint32_t>{0, 0, 0, 1, 1});
  const NodeRows rows{2, {0, 600, 0, 0, 0, 0, 0, 0, 0, 0}};
  const Rails rails = cappedBlend(topology, rows);
  EXPECT_LE(loadsOf(topology, rails).most(topology), 306);
  EXPECT_LE(rails.flows.size(), 4u);
}

TEST(CappedBlend, loadsRanksByTheirNetworkCards) {
  // Node 0's ranks share a card, which takes in all 600 rows of node 1: so long rank 0 may take for its 300 with the
  // half of a card, and nothing moves, though rank 1 sends nothing.
  const Topology shared(std::vector<uint32_t>{0, 0, 1, 1}, {0.5, 0.5, 1, 1});
  const NodeRows rows{2, {0, 300, 0, 0, 300, 0, 300, 0}};
  EXPECT_EQ(lowerBound(shared, rows), 600.0);
  EXPECT_EQ(staticLoads(shared, rows).most(shared), 600.0);
  EXPECT_EQ(cappedBlend(shared, rows).moved, 0u);
  // Where rank 1 has three cards and rank 0 one, as on a node of four, three quarters leave by rank 1.
  const Topology uneven(std::vector<uint32_t>{0, 0, 1, 1}, {1, 3, 1, 3});
  const NodeRows even{2, {0, 400, 0, 400, 0, 0, 0, 0}};
  EXPECT_EQ(lowerBound(uneven, even), 200.0);
  EXPECT_EQ(staticLoads(uneven, even).most(uneven), 400.0);
  const Rails rails = cappedBlend(uneven, even);
  EXPECT_EQ(loadsOf(uneven, rails).sent, (std::vector<uint64_t>{202, 598, 0, 0})); // 1.01 x 200 are what it aims at
  EXPECT_EQ(rails.moved, 198u);
}

TEST(CappedBlend, fillsTheCardsOfNodesThatHaveFewer) {
  // Eight ranks a node, on eight cards, four, or ten: what a card carries counts, and a forwarder may have another
  // number of cards than the rail.
  for (const auto [from, to] : {std::pair{8u, 8u}, {4u, 4u}, {10u, 10u}, {8u, 4u}, {10u, 4u}}) {
    const Topology topology = sampled::onCards(4, 8, {from, to});
    const sampled::Shape shape{4, 8, 256, 8, 512};
    for (const sampled::Kind kind : {sampled::Kind::Uniform, sampled::Kind::Bimodal}) {
      const NodeRows rows = sampled::nodeRows(shape, kind, 3);
      const Rails rails = cappedBlend(topology, rows);
      EXPECT_LE(overLowerBound(topology, rows, rails), 1.02 + 3 * 2 / lowerBound(topology, rows)) << from << " " << to;
      EXPECT_LE(loadsOf(topology, rails).most(topology), staticLoads(topology, rows).most(topology));
    }
  }
}

TEST(CappedBlend, countsWholeRowsOfRanksAndNotOfCards) {
  // Two cards a rank, or 400: one row each is half of what two rows of one rank are.
  for (const double cards : {1.0, 2.0, 400.0}) {
    const Topology topology(std::vector<uint32_t>{0, 0, 1, 1}, std::vector<double>(4, cards));
    const NodeRows rows{2, {0, 2, 0, 0, 0, 0, 0, 0}};
    EXPECT_EQ(loadsOf(topology, cappedBlend(topology, rows)).sent, (std::vector<uint64_t>{1, 1, 0, 0})) << cards;
  }
}

TEST(CappedBlend, aRankWithHardlyAnyCardHidesNobodysLoad) {
  // 96 nodes of two ranks, one of which sends all, but for the last node: nothing comes or goes there, and its second
  // rank has a hundredth of a card.
  std::vector<uint32_t> labels;
  for (uint32_t rank = 0; rank < 192; ++rank)
    labels.push_back(rank / 2);
  std::vector<double> nics(192, 1.0);
  nics.back() = 0.01;
  const Topology topology(labels, nics);
  NodeRows rows{96, {}};
  for (uint32_t rank = 0; rank < 192; ++rank)
    for (uint32_t node = 0; node < 96; ++node)
      rows.rows.push_back(rank % 2 == 0 && rank < 190 && node < 95 ? 20 : 0);
  const double bound = lowerBound(topology, rows);
  const Rails rails = cappedBlend(topology, rows);
  EXPECT_GT(rails.moved, 0u);
  EXPECT_LE(loadsOf(topology, rails).most(topology), staticLoads(topology, rows).most(topology));
  EXPECT_LE(std::ranges::max(loadsOf(topology, rails).sent), uint64_t(1.02 * bound) + 95);
}

TEST(FuscoRails, matchesTheHeaviestWithTheNextNodesLightest) {
  // Loads by rank: node 0: 10, 30; node 1: 5, 7. Sorted: {1, 0} and {3, 2}; node 1 is rotated by one: {2, 3}.
  const Topology topology = Topology::blocks(4, 2);
  const NodeRows rows{2, {0, 10, 0, 30, 5, 0, 7, 0}};
  EXPECT_EQ(fuscoRails(topology, rows).flows, (std::vector<Flow>{{0, 3, 10}, {1, 2, 30}, {2, 1, 5}, {3, 0, 7}}));
}

TEST(Balancers, areFoundByName) {
  EXPECT_EQ(findBalancer("static"), staticRails);
  EXPECT_EQ(findBalancer("fusco"), fuscoRails);
  EXPECT_EQ(findBalancer("blend"), cappedBlend);
  EXPECT_EQ(findBalancer("best"), nullptr);
}

TEST(Balancers, theEnvironmentChoosesOneOrIsRefused) {
  const auto with = [](const char *name) {
    setenv("FARO_BALANCER", name, 1);
    auto chosen = balancerFromEnvironment();
    unsetenv("FARO_BALANCER");
    return chosen;
  };
  EXPECT_EQ(*balancerFromEnvironment(), "blend");
  EXPECT_EQ(*with(""), "blend");
  EXPECT_EQ(*with("fusco"), "fusco");
  ASSERT_FALSE(with("best"));
  EXPECT_NE(with("best").status().message().find("\"best\", expected static, fusco or blend"), std::string::npos);
}

TEST(Balancers, oneNodeHasNoFlows) {
  const Topology topology = Topology::oneNode(5);
  const NodeRows rows{1, {3, 0, 9, 1, 1}};
  for (const auto &[name, balancer] : All) {
    EXPECT_TRUE(balancer(topology, rows, {}).flows.empty()) << name;
    EXPECT_EQ(overLowerBound(topology, rows, balancer(topology, rows, {})), 1.0) << name;
  }
}
