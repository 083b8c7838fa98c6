// What FARO_CHECK=1 finds: nothing in right plans, and each fault by name.
#include "runtime/plan/PlanCheck.h"
#include "tests/runtime/plan/Scenarios.h"

#include "runtime/plan/PlanHash.h"

#include <functional>
#include <numeric>

using namespace faro;
using scenarios::Batch;
using scenarios::Random;

namespace {

struct Job {
  Batch batch;
  std::vector<NodePlan> across; ///< empty on one node

  const NodePlan *acrossOf(uint32_t rank) const { return across.empty() ? nullptr : &across[rank]; }

  std::vector<Bytes> records() const {
    std::vector<Bytes> records;
    for (uint32_t rank = 0; rank < batch.topology.ranks(); ++rank)
      records.push_back(planRecord(batch.plans[rank], acrossOf(rank)));
    return records;
  }
  Expected<PlanCheck> check(uint32_t rank) const {
    return PlanCheck::create(batch.topology, rank, batch.plans[rank], acrossOf(rank), records());
  }
  /// The faults that the ranks find, each on a line.
  std::string faults() const {
    std::string all;
    const std::vector<Bytes> everybody = records();
    for (uint32_t rank = 0; rank < batch.topology.ranks(); ++rank)
      if (auto found = PlanCheck::create(batch.topology, rank, batch.plans[rank], acrossOf(rank), everybody); !found) {
        EXPECT_EQ(found.status().code(), FARO_INTERNAL);
        all += found.status().message() + "\n";
      }
    return all;
  }
};

Job makeJob(Batch batch, Balancer balancer = cappedBlend) {
  Job job{std::move(batch), {}};
  for (uint32_t rank = 0; rank < job.batch.topology.ranks() && job.batch.topology.nodes() > 1; ++rank)
    job.across.push_back(*makeNodePlan(job.batch.topology, rank, job.batch.plans[rank], job.batch.nodeRows, balancer));
  return job;
}

/// Four ranks on two nodes; rank 0 sends everything, so that blend hands rows over to rank 1. Two items a token, one
/// expert a rank.
Job heavyJob() {
  Batch batch(Topology::blocks(4, 2));
  batch.program.name = "dispatch";
  batch.program.row = {FARO_ABI_BF16, 0, 8, 16, 64};
  const uint8_t order[] = {FARO_ABI_KEY_EXPERT, FARO_ABI_KEY_SOURCE, FARO_ABI_KEY_TOKEN, FARO_ABI_KEY_CHOICE};
  std::copy(std::begin(order), std::end(order), batch.program.layout.order);
  batch.program.layout.align = 8;
  batch.program.routes = {2, 4, FARO_ABI_PLACEMENT_BLOCK, 0, nullptr};
  batch.map = *makeExpertMap(batch.program.routes, 4);
  batch.nodeRows.nodes = 2;
  std::vector<uint32_t> counts;
  for (uint32_t rank = 0; rank < 4; ++rank) {
    auto &idx = batch.topkIdx.emplace_back();
    for (int64_t t = 0; t < (rank == 0 ? 30 : 4); ++t)
      idx.insert(idx.end(), {rank == 0 ? 2 + t % 2 : t % 4, rank == 0 ? 3 - (t + 1) % 3 : 1});
    const auto count = countItems(batch.program.routes, rank, batch.idx(rank));
    counts.insert(counts.end(), count->begin(), count->end());
    const auto rows = countNodeRows(batch.topology, batch.map, 2, batch.idx(rank));
    batch.nodeRows.rows.insert(batch.nodeRows.rows.end(), rows.begin(), rows.end());
  }
  for (uint32_t rank = 0; rank < 4; ++rank)
    batch.plans.push_back(*makePlan(batch.program, batch.map, rank, counts, batch.idx(rank)));
  return makeJob(std::move(batch));
}

/// The plans are right before `harm`, and afterwards some rank's message has `message` in it.
void expectFault(const std::function<void(Job &)> &harm, const std::string &message) {
  Job job = heavyJob();
  for (uint32_t rank = 0; rank < 4; ++rank)
    job.batch.plans[rank].program = &job.batch.program; // the batch was moved
  ASSERT_EQ(job.faults(), "");
  ASSERT_GT(job.across[0].moved, 0u);
  harm(job);
  EXPECT_NE(job.faults().find(message), std::string::npos) << "expected \"" << message << "\" in\n" << job.faults();
}

} // namespace

TEST(PlanCheck, findsNothingInRightPlans) {
  for (uint32_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Job job = makeJob(scenarios::randomBatch(random, scenarios::randomTopology(random, 4, 4)),
                      seed % 3 == 0 ? staticRails : cappedBlend);
    for (Plan &plan : job.batch.plans)
      plan.program = &job.batch.program;
    ASSERT_EQ(job.faults(), "");
  }
}

TEST(PlanCheck, anItemInAnothersRow) {
  expectFault([](Job &job) { job.batch.plans[0].places[3] = job.batch.plans[0].places[1]; },
              "window is written twice: rank 0, token 0, choice 1; rank 0, token 1, choice 1");
}

TEST(PlanCheck, aRowThatNobodyWrites) {
  expectFault([](Job &job) { job.batch.plans[3].padding.pop_back(); },
              "of rank 3's window is never written, neither by an item nor as padding");
}

TEST(PlanCheck, aRowOutOfBounds) {
  expectFault([](Job &job) { job.batch.plans[1].places[0].row = 1000; },
              "rank 1, token 0, choice 0 is row 1000 of rank 0's window, which has");
}

TEST(PlanCheck, paddingOverAnItem) {
  expectFault([](Job &job) { job.batch.plans[2].padding = {{0, job.batch.plans[2].rowsOfRank[2]}}; },
              "window is written twice: rank 0, token 0, choice 0; padding");
}

TEST(PlanCheck, aRankThatDoesNotExist) {
  expectFault([](Job &job) { job.batch.plans[1].places[0].rank = 4; }, "rank 1, token 0, choice 0 goes to rank 4 of 4");
}

TEST(PlanCheck, windowsOfDifferentSizes) {
  expectFault([](Job &job) { ++job.batch.plans[2].rowsOfRank[0]; },
              "rank 2 thinks that the ranks receive other numbers of rows than rank 0 does");
}

TEST(PlanCheck, anotherProgram) {
  faro_abi_program other{};
  expectFault(
      [&](Job &job) {
        other = job.batch.program;
        other.layout.align = 16;
        job.batch.plans[1].program = &other;
      },
      "rank 1 has planned for another program than rank 0");
}

TEST(PlanCheck, endsOfAFlowThatDisagree) {
  expectFault([](Job &job) { ++job.across[2].receives[0].rows; }, "which expects");
  expectFault([](Job &job) { job.across[2].receives.clear(); }, "rows, which expects 0");
}

TEST(PlanCheck, aPieceThatIsSentTwice) {
  expectFault([](Job &job) { job.across[0].pieces.push_back(job.across[0].pieces.back()); },
              "expected the rows from 30 on");
}

TEST(PlanCheck, aPieceInAnothersPlaceOfItsFlow) {
  expectFault([](Job &job) { job.across[0].pieces.back().flowRow = 0; }, "of what rank 1 sends rank 3 is");
}

TEST(PlanCheck, piecesBehindTheEndOfTheirFlow) {
  expectFault([](Job &job) { job.across[0].pieces.back().flowRow += 100; }, "rows only");
}

TEST(PlanCheck, aPieceForAFlowThatItsRailDoesNotHave) {
  expectFault([](Job &job) { job.across[1].sends.clear(); }, "which rank 1 does not know of");
}

TEST(PlanCheck, aRowThatNeverLeaves) {
  expectFault([](Job &job) { job.across[0].pieces.pop_back(); }, "remote rows leave");
}

TEST(PlanCheck, aRailOrForwarderOnTheWrongNode) {
  expectFault([](Job &job) { job.across[0].pieces[0].rail = 2; }, "expected a rail on node 0");
  expectFault([](Job &job) { job.across[0].pieces[0].forwarder = 1; }, "expected a rail on node 0");
}

TEST(PlanCheck, aTransitRowFilledTwiceOrNever) {
  expectFault([](Job &job) { job.across[0].pieces.back().transitRow += 1; }, "hands a row to transit row");
  expectFault(
      [](Job &job) {
        for (NodePlan &plan : {std::ref(job.across[0]), std::ref(job.across[1])})
          ++plan.transitRowsOfRank[1];
      },
      "of rank 1 is filled by nobody");
}

TEST(PlanCheck, windowsOfANodeOfDifferentSizes) {
  expectFault([](Job &job) { ++job.across[1].partialRowsOfRank[0]; },
              "thinks that the transit or partial windows of node 0 have other sizes");
}

TEST(PlanCheck, aRailThatGathersOtherRows) {
  expectFault([](Job &job) { job.across[1].loads.back().first += 1; }, "of what rank 1 sends rank 3 is transit row");
  expectFault([](Job &job) { --job.across[1].loads.back().rows; }, "gathers");
}

TEST(PlanCheck, anItemThatLeavesTwiceOrWithAnotherToken) {
  expectFault([](Job &job) { job.across[0].items[1] = job.across[0].items[0]; },
              "rank 0, token 0, choice 0 leaves 2 times, expected once");
  expectFault([](Job &job) { std::swap(job.across[0].items[0], job.across[0].items[5]); },
              "but it goes with token 0 to node 1");
}

TEST(PlanCheck, anOwnShareTooManyOrTooFew) {
  // A token loses the share of its items on this node; another gets one in a remote row's place.
  expectFault(
      [](Job &job) {
        auto &across = job.across[0];
        auto &rows = across.partialRows;
        const auto share = std::find(rows.begin(), rows.end(), NodePlan::OwnShare);
        const uint32_t at = uint32_t(share - rows.begin());
        rows.erase(share);
        for (uint32_t &offset : across.partialOffsets)
          offset -= offset > at;
      },
      "the own node's share is summed 0 times, expected 1");
  expectFault(
      [](Job &job) {
        auto &rows = job.across[0].partialRows;
        *std::find_if(rows.begin(), rows.end(), [](uint32_t row) { return row != NodePlan::OwnShare; }) =
            NodePlan::OwnShare;
      },
      "the own node's share is summed");
}

TEST(PlanCheck, aPartialRowThatIsSummedTwiceOrForAnotherToken) {
  const auto nextRemote = [](std::vector<uint32_t> &rows, size_t from) {
    return std::find_if(rows.begin() + long(from), rows.end(), [](uint32_t row) { return row != NodePlan::OwnShare; });
  };
  expectFault(
      [&](Job &job) {
        auto &rows = job.across[0].partialRows;
        const auto first = nextRemote(rows, 0);
        *nextRemote(rows, size_t(first - rows.begin()) + 1) = *first;
      },
      "is summed twice");
  expectFault(
      [&](Job &job) {
        auto &rows = job.across[0].partialRows;
        std::iter_swap(nextRemote(rows, 0), nextRemote(rows, rows.size() / 2));
      },
      "belongs to token");
}

TEST(PlanCheck, aTornRecord) {
  Job job = heavyJob();
  for (Plan &plan : job.batch.plans)
    plan.program = &job.batch.program;
  for (size_t part : {1, 3, 7, 8}) {
    std::vector<Bytes> records = job.records();
    records[2].resize(records[2].size() * part / 8 - 1);
    const auto check = PlanCheck::create(job.batch.topology, 0, job.batch.plans[0], &job.across[0], records);
    ASSERT_FALSE(check);
    EXPECT_EQ(check.status().code(), FARO_DATA_LOSS);
    EXPECT_NE(check.status().message().find("rank 2: a plan's record of"), std::string::npos);
  }
}

TEST(PlanCheck, headersAreHeldAgainstTheirOwnersPlan) {
  Job job = heavyJob();
  for (Plan &plan : job.batch.plans)
    plan.program = &job.batch.program;
  const auto check = job.check(3);
  ASSERT_TRUE(check);
  // The last row of what rank 1 sends rank 3 is the last that rank 0 hands over.
  const NodePlan &owner = job.across[0];
  const Piece &piece = owner.pieces.back();
  const uint32_t row = piece.firstRow + piece.rows - 1, flowRow = piece.flowRow + piece.rows - 1;
  std::vector<Place> places;
  for (uint32_t i = owner.rowItems[row]; i < owner.rowItems[row + 1]; ++i)
    places.push_back(job.batch.plans[0].places[owner.items[i]]);
  ASSERT_EQ(piece.rail, 1u);
  ASSERT_EQ(places.size(), 2u);
  EXPECT_TRUE(check->arrived(1, flowRow, places));

  const auto expect = [&](const Status &status, const std::string &message) {
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  };
  expect(check->arrived(1, flowRow, std::span(places).first(1)), "rank 0, token 29");
  expect(check->arrived(1, flowRow, std::span(places).first(1)), "1 destinations, expected 2");
  ++places[1].row;
  expect(check->arrived(1, flowRow, places), "as destination 1, expected row");
  expect(check->arrived(1, 1000, places), "row 1000 came to rank 3 from rank 1, which has");
  expect(check->arrived(2, 0, places), "from rank 2, which has 0 rows for it");

  const auto rail = job.check(1);
  ASSERT_TRUE(rail);
  const std::vector<Place> home = {{0, row}}, elsewhere = {{0, 0}}, twice = {home[0], home[0]};
  Returned soFar;
  EXPECT_TRUE(rail->returned(3, home, soFar));
  expect(rail->returned(3, home, soFar), "which has come already");
  expect(rail->returned(3, elsewhere, soFar), "is for partial row 0 of rank 0, but nothing of that row went that way");
  expect(rail->returned(3, twice, soFar), "has 2 destinations, expected one");
  expect(rail->returned(2, home, soFar), "but nothing of that row went that way");
}

TEST(PlanHash, standsForProgramAndRouting) {
  Random random(11);
  Batch batch = scenarios::randomBatch(random, Topology::oneNode(1));
  batch.program.routes.topk = 3;
  std::vector<int64_t> idx(3 * 14);
  std::iota(idx.begin(), idx.end(), 0);
  const auto hash = [&] { return routingHash(batch.program, {idx.data(), int64_t(idx.size() / 3)}); };
  const uint64_t first = hash();
  EXPECT_EQ(hash(), first);
  for (size_t i = 0; i < idx.size(); ++i) { // each word counts, wherever it stands
    idx[i] ^= 1;
    EXPECT_NE(hash(), first) << i;
    idx[i] ^= 1;
  }
  std::swap(idx[0], idx[4]); // words of the same lane
  EXPECT_NE(hash(), first);
  std::swap(idx[0], idx[4]);
  ++batch.program.layout.align;
  EXPECT_NE(hash(), first);
  --batch.program.layout.align;
  idx.resize(idx.size() - 3);
  EXPECT_NE(hash(), first);
}

TEST(PlanHash, dependsOnEveryRankAndTheirOrder) {
  const std::vector<uint64_t> ranks = {1, 2, 3, 4, 5};
  auto other = ranks;
  std::swap(other[0], other[4]);
  EXPECT_NE(planHash(ranks), planHash(other));
  EXPECT_NE(planHash(ranks), planHash(std::span(ranks).first(4)));
  EXPECT_EQ(planHash(ranks), planHash(std::vector<uint64_t>{1, 2, 3, 4, 5}));
}
