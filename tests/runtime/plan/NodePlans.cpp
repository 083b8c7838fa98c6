// Everybody's plan across nodes, put together, moves each (token, node) copy once and brings one partial row back. The
// comparison is with the routing itself, read by brute force.
#include "tests/runtime/plan/Scenarios.h"
#include "tests/support/Some.h"

#include <map>
#include <set>

using namespace faro;
using scenarios::Batch;
using scenarios::Random;

namespace {

constexpr Balancer AllBalancers[] = {staticRails, fuscoRails, cappedBlend};

struct Job {
  Batch batch;
  std::vector<NodePlan> plans;
};

Job makeJob(uint32_t seed) {
  Random random(seed);
  Job job{scenarios::randomBatch(random, scenarios::randomTopology(random, 5, 5)), {}};
  for (uint32_t rank = 0; rank < job.batch.topology.ranks(); ++rank) {
    auto plan = makeNodePlan(job.batch.topology, rank, job.batch.plans[rank], job.batch.nodeRows,
                             AllBalancers[seed % std::size(AllBalancers)]);
    EXPECT_TRUE(plan) << plan.status().message();
    if (plan)
      job.plans.push_back(std::move(*plan));
  }
  return job;
}

template <typename Law> void forAll(Law law) {
  for (uint32_t seed = 0; seed < 1500 / test::stepOf(5); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Job job = makeJob(seed);
    if (!testing::Test::HasFailure())
      law(job);
    if (testing::Test::HasFailure())
      return;
  }
}

/// The same for each rank: its plan across nodes, and the plan that this refines.
template <typename Law> void forAllRanks(Law law) {
  forAll([&](const Job &job) {
    for (uint32_t rank = 0; rank < job.plans.size(); ++rank)
      law(job.batch, rank, job.plans[rank], job.batch.plans[rank]);
  });
}

/// The choices of items [begin, end) of a list.
std::vector<uint32_t> listedChoices(const Plan &plan, const std::vector<uint32_t> &items, uint32_t begin,
                                    uint32_t end) {
  std::vector<uint32_t> choices;
  for (uint32_t i = begin; i < end; ++i)
    choices.push_back(plan.choices[items[i]]);
  return choices;
}

/// The items of (token, node) in the order of k, straight from the routing.
std::vector<uint32_t> choicesOf(const Batch &batch, uint32_t rank, uint32_t token, uint32_t node) {
  std::vector<uint32_t> choices;
  const uint32_t topk = batch.program.routes.topk;
  for (uint32_t choice = token * topk; choice < (token + 1) * topk; ++choice)
    if (const int64_t e = batch.topkIdx[rank][choice];
        e >= 0 && batch.topology.nodeOf(batch.map.owner[size_t(e)]) == node)
      choices.push_back(choice);
  return choices;
}

/// (owner, remote row): a copy on its way.
using Copy = std::pair<uint32_t, uint32_t>;

/// Transit windows as the pieces fill them; a row filled twice is a failure.
std::map<Copy, Copy> fillTransit(const Job &job) {
  std::map<Copy, Copy> filled; // (rail, transit row) -> copy
  for (uint32_t owner = 0; owner < job.plans.size(); ++owner)
    for (const Piece &piece : job.plans[owner].pieces)
      for (uint32_t i = 0; i < piece.rows && piece.rail != owner; ++i)
        EXPECT_TRUE(filled.insert({{piece.rail, piece.transitRow + i}, {owner, piece.firstRow + i}}).second);
  return filled;
}

/// What a rail sends on each of its flows, by its loads.
std::map<Copy, std::vector<Copy>> wire(const Job &job) {
  const std::map<Copy, Copy> transit = fillTransit(job);
  std::map<Copy, std::vector<Copy>> flows; // (rail, forwarder) -> copies
  for (uint32_t rail = 0; rail < job.plans.size(); ++rail)
    for (const SendFlow &send : job.plans[rail].sends) {
      auto &copies = flows[{rail, send.forwarder}];
      for (uint32_t l = send.firstLoad; l < send.firstLoad + send.loads; ++l) {
        const Load &load = job.plans[rail].loads[l];
        for (uint32_t i = 0; i < load.rows; ++i) {
          if (load.owner == rail) {
            copies.push_back({rail, load.first + i});
            continue;
          }
          const auto found = transit.find({rail, load.first + i});
          EXPECT_NE(found, transit.end()) << "rail " << rail << " sends transit row " << load.first + i;
          if (found == transit.end())
            continue;
          EXPECT_EQ(found->second.first, load.owner);
          copies.push_back(found->second);
        }
      }
      EXPECT_EQ(copies.size(), send.rows);
    }
  return flows;
}

} // namespace

TEST(NodePlan, remoteRowsAreTheTokensWithItemsThere) {
  forAllRanks([](const Batch &batch, uint32_t rank, const NodePlan &plan, const Plan &items) {
    uint32_t row = 0;
    for (uint32_t node = 0; node < batch.topology.nodes(); ++node) {
      EXPECT_EQ(plan.firstRow[node], row);
      for (uint32_t token = 0; token < uint32_t(items.tokens) && node != plan.node; ++token) {
        const auto expected = choicesOf(batch, rank, token, node);
        if (expected.empty())
          continue;
        ASSERT_LT(row, plan.remoteRows());
        EXPECT_EQ(plan.rowToken[row], token);
        EXPECT_EQ(listedChoices(items, plan.items, plan.rowItems[row], plan.rowItems[row + 1]), expected);
        ++row;
      }
    }
    EXPECT_EQ(plan.firstRow.back(), row);
    EXPECT_EQ(plan.remoteRows(), row);
    EXPECT_EQ(plan.rowItems.size(), row + 1);
  });
}

TEST(NodePlan, localItemsAreTheRest) {
  forAllRanks([](const Batch &batch, uint32_t rank, const NodePlan &plan, const Plan &items) {
    for (uint32_t token = 0; token < uint32_t(items.tokens); ++token) {
      const uint32_t begin = plan.localOffsets[token], end = plan.localOffsets[token + 1];
      EXPECT_EQ(listedChoices(items, plan.localItems, begin, end), choicesOf(batch, rank, token, plan.node));
    }
    EXPECT_EQ(plan.localItems.size() + plan.items.size(), items.places.size());
  });
}

TEST(NodePlan, everyCopyLeavesOnceAndArrivesOnItsNode) {
  forAll([](const Job &job) {
    std::set<Copy> arrived;
    for (const auto &[ends, copies] : wire(job)) {
      const uint32_t node = job.batch.topology.nodeOf(ends.second);
      for (const auto &[owner, row] : copies) {
        EXPECT_TRUE(arrived.insert({owner, row}).second) << "rank " << owner << ", remote row " << row << " twice";
        EXPECT_EQ(job.batch.topology.nodeOf(owner), job.batch.topology.nodeOf(ends.first));
        EXPECT_GE(row, job.plans[owner].firstRow[node]);
        EXPECT_LT(row, job.plans[owner].firstRow[node + 1]);
      }
    }
    size_t copies = 0;
    for (const NodePlan &plan : job.plans)
      copies += plan.remoteRows();
    EXPECT_EQ(arrived.size(), copies);
  });
}

TEST(NodePlan, piecesSayWhereTheirRowsStandInAFlow) {
  forAll([](const Job &job) {
    const auto flows = wire(job);
    for (uint32_t owner = 0; owner < job.plans.size(); ++owner) {
      uint32_t next = 0;
      for (const Piece &piece : job.plans[owner].pieces) {
        EXPECT_EQ(piece.firstRow, next) << "pieces cover the remote rows in order";
        next += piece.rows;
        EXPECT_EQ(piece.node, job.batch.topology.nodeOf(piece.forwarder));
        EXPECT_EQ(piece.rail == owner, piece.transitRow == Piece::NoTransit);
        const auto flow = flows.find({piece.rail, piece.forwarder});
        ASSERT_NE(flow, flows.end());
        ASSERT_LE(piece.flowRow + piece.rows, flow->second.size());
        for (uint32_t i = 0; i < piece.rows; ++i)
          EXPECT_EQ(flow->second[piece.flowRow + i], Copy(owner, piece.firstRow + i));
      }
      EXPECT_EQ(next, job.plans[owner].remoteRows());
    }
  });
}

TEST(NodePlan, bothEndsOfAFlowAgree) {
  forAll([](const Job &job) {
    std::map<Copy, uint64_t> sent, received;
    for (uint32_t rank = 0; rank < job.plans.size(); ++rank) {
      for (const SendFlow &send : job.plans[rank].sends)
        EXPECT_TRUE(sent.insert({{rank, send.forwarder}, send.rows}).second);
      for (const ReceiveFlow &receive : job.plans[rank].receives) {
        EXPECT_EQ(receive.node, job.batch.topology.nodeOf(receive.rail));
        EXPECT_TRUE(received.insert({{receive.rail, rank}, receive.rows}).second);
      }
    }
    EXPECT_EQ(sent, received);
  });
}

TEST(NodePlan, transitWindowsAreFilledWithoutGaps) {
  forAll([](const Job &job) {
    std::map<uint32_t, uint32_t> filled;
    for (const auto &[place, copy] : fillTransit(job))
      EXPECT_EQ(place.second, filled[place.first]++); // sorted: 0, 1, 2, ...
    for (uint32_t rank = 0; rank < job.plans.size(); ++rank) {
      const NodePlan &plan = job.plans[rank];
      const auto neighbours = job.batch.topology.ranksOf(plan.node);
      uint64_t moved = 0;
      for (uint32_t i = 0; i < neighbours.size(); ++i) {
        EXPECT_EQ(plan.transitRowsOfRank[i], filled[neighbours[i]]);
        moved += filled[neighbours[i]];
      }
      EXPECT_EQ(plan.moved, moved);
    }
  });
}

TEST(NodePlan, partialRowsAreUsedOnceAndSummedInTheOrderOfNodes) {
  forAll([](const Job &job) {
    for (uint32_t rank = 0; rank < job.plans.size(); ++rank) {
      const NodePlan &plan = job.plans[rank];
      std::vector<int> used(plan.remoteRows());
      for (uint32_t token = 0; token < uint32_t(job.batch.plans[rank].tokens); ++token) {
        uint32_t at = plan.partialOffsets[token];
        for (uint32_t node = 0; node < job.batch.topology.nodes(); ++node) {
          if (choicesOf(job.batch, rank, token, node).empty())
            continue;
          ASSERT_LT(at, plan.partialOffsets[token + 1]);
          const uint32_t row = plan.partialRows[at++];
          if (node == plan.node) {
            EXPECT_EQ(row, NodePlan::OwnShare);
            continue;
          }
          ASSERT_LT(row, used.size());
          ++used[row];
          EXPECT_EQ(plan.rowToken[row], token);
          EXPECT_TRUE(row >= plan.firstRow[node] && row < plan.firstRow[node + 1]);
        }
        EXPECT_EQ(at, plan.partialOffsets[token + 1]);
      }
      EXPECT_TRUE(std::all_of(used.begin(), used.end(), [](int n) { return n == 1; }));
      const auto neighbours = job.batch.topology.ranksOf(plan.node);
      for (uint32_t i = 0; i < neighbours.size(); ++i)
        EXPECT_EQ(plan.partialRowsOfRank[i], job.plans[neighbours[i]].remoteRows());
    }
  });
}

TEST(NodePlan, anotherBatchsCountsAreRefused) {
  Random random(3);
  Batch batch = scenarios::randomBatch(random, Topology::blocks(4, 2));
  ++batch.nodeRows.rows[1 * 2 + 0];
  EXPECT_TRUE(makeNodePlan(batch.topology, 0, batch.plans[0], batch.nodeRows, staticRails));
  const auto plan = makeNodePlan(batch.topology, 1, batch.plans[1], batch.nodeRows, staticRails);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.status().code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(plan.status().message().find("rank 1: its plan has"), std::string::npos) << plan.status().message();
}

TEST(NodePlan, aBalancerThatLosesOrInventsRowsIsFoundOut) {
  Random random(5);
  const Batch batch = scenarios::randomBatch(random, Topology::blocks(2, 2), 400);
  ASSERT_GT(batch.nodeRows.of(0, 1), 0u);
  const auto status = [&](Balancer balancer) {
    auto plan = makeNodePlan(batch.topology, 0, batch.plans[0], batch.nodeRows, balancer);
    return plan ? Status::ok() : plan.status();
  };
  EXPECT_TRUE(status(staticRails));
  const Status lost = status([](const Topology &, const NodeRows &, std::optional<uint32_t>) { return Rails{}; });
  EXPECT_NE(lost.message().find("carry fewer rows than there are"), std::string::npos) << lost.message();
  const Status invented = status([](const Topology &t, const NodeRows &rows, std::optional<uint32_t> node) {
    Rails rails = staticRails(t, rows, node);
    for (Flow &flow : rails.flows)
      ++flow.rows;
    return rails;
  });
  EXPECT_NE(invented.message().find("from rank 0 to node 1 carry"), std::string::npos) << invented.message();
}

TEST(NodePlan, moreRowsThanABatchMayHaveAreRefused) {
  // Two ranks' tokens for node 1 would all leave by one of them.
  const Topology topology(std::vector<uint32_t>{0, 0, 1});
  Plan none;
  none.offsets = {0};
  const NodeRows rows{2, {0, 0, 0, 0xffffffffu, 7, 0}};
  const auto plan =
      makeNodePlan(topology, 0, none, rows, [](const Topology &, const NodeRows &, std::optional<uint32_t>) {
        return Rails{{{0, 2, 0xffffffffu}, {2, 0, uint64_t(1) << 32}}, 0};
      });
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.status().message().find("4294967296 rows would go from rank 2 to rank 0"), std::string::npos)
      << plan.status().message();
}
