// Every rank's plan, put together, is the layout that the reference computes from everybody's routing.
#include "compiler/Interpreter/Reference.h"
#include "runtime/plan/Planner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace faro;

namespace {

struct Batch {
  faro_abi_program program{};
  std::vector<uint32_t> table;
  std::vector<reference::Routing> routing;
  uint32_t ranks() const { return uint32_t(routing.size()); }
};

std::vector<std::array<uint8_t, 4>> placeableOrders() {
  std::vector<std::array<uint8_t, 4>> orders;
  std::array<uint8_t, 4> keys = {0, 1, 2, 3};
  do {
    const auto source = std::find(keys.begin(), keys.end(), uint8_t(FARO_ABI_KEY_SOURCE));
    if (std::all_of(keys.begin(), source, [](uint8_t key) { return key == FARO_ABI_KEY_EXPERT; }))
      orders.push_back(keys);
  } while (std::next_permutation(keys.begin(), keys.end()));
  return orders;
}

Batch randomBatch(const std::array<uint8_t, 4> &order, uint32_t seed) {
  std::mt19937 random(seed);
  Batch batch;
  const uint32_t experts = 1 + random() % 17, ranks = 1 + random() % 7;
  faro_abi_program &p = batch.program;
  p.name = "dispatch";
  p.op = FARO_ABI_DISPATCH;
  p.row = {FARO_ABI_BF16, 0, 8, 16, 16};
  std::memcpy(p.layout.order, order.data(), 4);
  p.layout.align = std::array{1u, 2u, 7u, 16u}[random() % 4];
  p.routes.topk = 1 + random() % std::min(experts, 5u);
  p.routes.experts = experts;
  p.routes.placement = random() % 3;
  if (p.routes.placement == FARO_ABI_PLACEMENT_TABLE) {
    for (uint32_t e = 0; e < experts; ++e)
      batch.table.push_back(random() % ranks);
    p.routes.table = batch.table.data();
    p.routes.table_size = experts;
  }
  const bool oneExpert = random() % 5 == 0;
  for (uint32_t r = 0; r < ranks; ++r) {
    reference::Routing routing;
    routing.tokens = random() % 3 ? random() % 23 : 0;
    for (uint64_t i = 0; i < routing.tokens * p.routes.topk; ++i) // experts may repeat within a token
      routing.topkIdx.push_back(oneExpert ? experts - 1 : int64_t(random() % (experts + 1)) - 1);
    batch.routing.push_back(routing);
  }
  return batch;
}

std::vector<Plan> planAll(const Batch &batch) {
  auto map = makeExpertMap(batch.program.routes, batch.ranks());
  EXPECT_TRUE(map);
  std::vector<uint32_t> counts;
  for (uint32_t r = 0; r < batch.ranks(); ++r) {
    auto mine =
        countItems(batch.program.routes, r, {batch.routing[r].topkIdx.data(), int64_t(batch.routing[r].tokens)});
    EXPECT_TRUE(mine);
    counts.insert(counts.end(), mine->begin(), mine->end());
  }
  std::vector<Plan> plans;
  for (uint32_t r = 0; r < batch.ranks(); ++r) {
    auto plan =
        makePlan(batch.program, *map, r, counts, {batch.routing[r].topkIdx.data(), int64_t(batch.routing[r].tokens)});
    EXPECT_TRUE(plan);
    plans.push_back(std::move(*plan));
  }
  return plans;
}

} // namespace

TEST(Planner, agreesWithTheReferenceForEveryPlaceableOrder) {
  uint32_t seed = 0;
  for (const auto &order : placeableOrders())
    for (int repeat = 0; repeat < 150; ++repeat) {
      const Batch batch = randomBatch(order, ++seed);
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      const std::vector<Plan> plans = planAll(batch);
      const reference::Program program = reference::fromAbi(batch.program);
      for (uint32_t rank = 0; rank < batch.ranks(); ++rank) {
        const reference::Dispatched expected = reference::dispatch(program, rank, batch.routing);
        ASSERT_EQ(size_t(plans[rank].receivedRows), expected.rows.rows.size());
        EXPECT_EQ(plans[rank].expertOffsets, expected.expertOffsets);
        EXPECT_EQ(plans[rank].expertCounts, expected.expertCounts);
        // The rows that all sources together fill here, and those that this rank pads.
        std::vector<std::optional<layout::Item>> rows(expected.rows.rows.size());
        std::vector<int> written(rows.size());
        for (uint32_t source = 0; source < batch.ranks(); ++source) {
          EXPECT_EQ(plans[source].rowsOfRank, plans[0].rowsOfRank);
          for (size_t i = 0; i < plans[source].places.size(); ++i) {
            if (plans[source].places[i].rank != rank)
              continue;
            const uint32_t choice = plans[source].choices[i], topk = batch.program.routes.topk;
            ASSERT_LT(plans[source].places[i].row, rows.size());
            rows[plans[source].places[i].row] =
                layout::Item{uint32_t(batch.routing[source].topkIdx[choice]), source, choice / topk, choice % topk};
            ++written[plans[source].places[i].row];
          }
        }
        for (const RowRun &run : plans[rank].padding)
          for (uint64_t r = run.first; r < run.first + run.count; ++r)
            ++written[r];
        EXPECT_EQ(rows, expected.rows.rows);
        EXPECT_TRUE(std::all_of(written.begin(), written.end(), [](int n) { return n == 1; }));
      }
    }
}

TEST(Planner, listsATokensItemsInTheOrderOfChoices) {
  const Batch batch = randomBatch({0, 1, 2, 3}, 4242);
  for (const Plan &plan : planAll(batch)) {
    ASSERT_EQ(plan.offsets.size(), size_t(plan.tokens) + 1);
    EXPECT_EQ(plan.offsets.back(), plan.choices.size());
    EXPECT_TRUE(std::is_sorted(plan.choices.begin(), plan.choices.end()));
    for (int64_t t = 0; t < plan.tokens; ++t)
      for (uint32_t i = plan.offsets[size_t(t)]; i < plan.offsets[size_t(t) + 1]; ++i)
        EXPECT_EQ(plan.choices[i] / batch.program.routes.topk, t);
  }
}

TEST(Planner, anExpertOutOfRangeIsNamedWithRankTokenAndChoice) {
  const faro_abi_routes routes{2, 4, FARO_ABI_PLACEMENT_BLOCK, 0, nullptr};
  const int64_t idx[] = {0, 1, 2, 4};
  auto counts = countItems(routes, 3, {idx, 2});
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.status().code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(counts.status().message().find("rank 3, token 1, choice 1: expert 4"), std::string::npos)
      << counts.status().message();
}

TEST(Planner, aTableThatNamesAMissingRankIsRefused) {
  const uint32_t table[] = {0, 2};
  EXPECT_FALSE(makeExpertMap({1, 2, FARO_ABI_PLACEMENT_TABLE, 2, table}, 2));
}

TEST(Planner, tooManyRowsAreRefused) {
  faro_abi_program program = randomBatch({0, 1, 2, 3}, 7).program;
  program.routes = {1, 1, FARO_ABI_PLACEMENT_BLOCK, 0, nullptr};
  auto map = makeExpertMap(program.routes, 2);
  const uint32_t counts[] = {0xffffffffu, 0xffffffffu};
  EXPECT_FALSE(makePlan(program, *map, 0, counts, {nullptr, 0}));
}
