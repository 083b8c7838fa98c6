// What the kernels that plan on a device compute, run on the CPU with their blocks and threads as loops: the plan of
// the host's planner, to the bit, batch after batch.
#include "tests/compiler/Codegen/PlanKernels.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace faro::test {

/// How tests print it.
static void PrintTo(const PlanSpec &spec, std::ostream *out) { *out << spec.placement; }

namespace {

enum class Draw { Uniform, Zipf, One, Dropped };
constexpr Draw Draws[] = {Draw::Uniform, Draw::Zipf, Draw::One, Draw::Dropped};

std::vector<int64_t> draw(Draw kind, int64_t tokens, const faro_abi_routes &routes, std::mt19937 &random) {
  std::vector<int64_t> routing(size_t(tokens) * routes.topk);
  const uint32_t one = random() % routes.experts;
  for (int64_t &choice : routing) {
    const double chance = std::uniform_real_distribution<double>()(random);
    switch (kind) {
    case Draw::Uniform:
      choice = int64_t(random() % routes.experts);
      break;
    case Draw::Zipf: // heavy at the first experts
      choice = int64_t(double(routes.experts) * chance * chance * chance * chance);
      break;
    case Draw::One:
      choice = one;
      break;
    case Draw::Dropped:
      choice = int64_t(random() % (routes.experts + 3)) - 3;
      choice = std::max<int64_t>(choice, -1);
      break;
    }
  }
  return routing;
}

/// This batch's plans by the host.
std::vector<Plan> planByHost(PlanRanks &ranks, const std::vector<std::vector<int64_t>> &routing,
                             const std::vector<int64_t> &tokens) {
  const faro_abi_program &program = ranks.program();
  std::vector<uint32_t> counts;
  std::vector<Plan> plans;
  for (uint32_t r = 0; r < ranks.size(); ++r) {
    auto mine = countItems(program.routes, r, {routing[r].data(), tokens[r]});
    EXPECT_TRUE(mine);
    counts.insert(counts.end(), mine->begin(), mine->end());
  }
  for (uint32_t r = 0; r < ranks.size(); ++r) {
    auto plan = makePlan(program, ranks.map(), r, counts, {routing[r].data(), tokens[r]});
    EXPECT_TRUE(plan);
    plans.push_back(std::move(*plan));
  }
  return plans;
}

constexpr std::byte Untouched{0xa5};

/// `number`: tokens of the batch's memory, of which the plan's have items.
void expectPlan(PlanRanks &ranks, uint32_t r, const Plan &plan, int64_t number) {
  PlanRank &rank = ranks[r];
  const uint64_t stride = ranks.program().row.stride;
  std::vector<uint32_t> offsets = plan.offsets;
  offsets.resize(size_t(number) + 1, offsets.back());
  const size_t entries = plan.choices.size();
  EXPECT_TRUE(std::equal(offsets.begin(), offsets.end(), rank.offsets.begin()));
  EXPECT_TRUE(std::equal(plan.choices.begin(), plan.choices.end(), rank.choices.begin()));
  Numbers destinations, sources;
  for (const Place &place : plan.places) {
    destinations.push_back(rank.received[place.rank] + place.row * stride);
    sources.push_back(rank.outputs[place.rank] + place.row * stride);
  }
  EXPECT_TRUE(std::equal(destinations.begin(), destinations.end(), rank.destinations.begin()));
  EXPECT_TRUE(std::equal(sources.begin(), sources.end(), rank.sources.begin()));
  EXPECT_EQ(rank.expertOffsets, plan.expertOffsets);
  EXPECT_EQ(rank.expertCounts, plan.expertCounts);
  EXPECT_EQ(rank.rows, plan.rowsOfRank);
  EXPECT_TRUE(std::all_of(rank.status.begin(), rank.status.end(), [](uint64_t word) { return word == 0; }));

  std::vector<std::byte> window(rank.window.size(), Untouched);
  for (const RowRun &run : plan.padding)
    std::fill_n(window.begin() + int64_t(run.first * stride), run.count * stride, std::byte(0));
  EXPECT_TRUE(window == rank.window) << "padding";

  std::vector<float> weights(size_t(number) * ranks.program().routes.topk);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = float(i) / 3;
  ranks.run(ranks.program().plan->weigh, r, weights.data(), number);
  for (size_t i = 0; i < entries; ++i)
    EXPECT_EQ(rank.weights[i], weights[plan.choices[i]]);
}

class PlanKernels : public ::testing::TestWithParam<PlanSpec> {};

TEST_P(PlanKernels, PlanAsTheHostDoes) {
  const auto module = compilePlan(GetParam());
  std::mt19937 random(GetParam().experts);
  constexpr int64_t Most = 150;
  for (uint32_t count = GetParam().placement.starts_with("table") ? 5 : 1; count <= 5; ++count) {
    const uint64_t capacity = count * Most * GetParam().topk + uint64_t(GetParam().experts) * GetParam().align;
    PlanRanks ranks(*module->table(), count, Most, capacity);
    // Batches follow each other in the same memory.
    for (int batch = 0; batch < 9; ++batch) {
      SCOPED_TRACE(testing::Message() << count << " ranks, batch " << batch);
      std::vector<std::vector<int64_t>> routing;
      std::vector<int64_t> numbers, tokens;
      for (uint32_t r = 0; r < count; ++r) {
        numbers.push_back(batch % 3 == 2 ? int64_t(random() % Most) : batch == 1 && r == 0 ? 0 : Most);
        tokens.push_back(batch < 7 ? numbers.back() : int64_t(random() % (uint32_t(numbers.back()) + 1)));
        routing.push_back(
            draw(Draws[(batch + (batch % 2 ? r : 0)) % 4], numbers.back(), ranks.program().routes, random));
        std::fill(ranks[r].window.begin(), ranks[r].window.end(), Untouched);
      }
      std::vector<const int64_t *> words;
      for (uint32_t r = 0; batch >= 7 && r < count; ++r)
        words.push_back(&tokens[r]);
      ranks.plan(routing, numbers, words);
      const std::vector<Plan> plans = planByHost(ranks, routing, tokens);
      for (uint32_t r = 0; r < count; ++r)
        expectPlan(ranks, r, plans[r], numbers[r]);
      ranks.meet(FARO_ABI_MEET_PUSHED);
      if (HasFailure())
        return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PlanKernels,
                         ::testing::Values(PlanSpec{8, 256, 128, 8, "block"}, PlanSpec{64, 100, 1, 4, "round_robin"},
                                           PlanSpec{1, 7, 3, 1, "table [4, 0, 0, 2, 4, 1, 1]"},
                                           PlanSpec{2, 3, 3, 24, "block"}, PlanSpec{5, 33, 1, 3, "round_robin"}),
                         [](const auto &info) {
                           return "Top" + std::to_string(info.param.topk) + "of" + std::to_string(info.param.experts) +
                                  "align" + std::to_string(info.param.align);
                         });

class Faults : public ::testing::Test {
protected:
  Faults() : module(compilePlan({2, 6, 4, 8, "block"})) {}
  std::unique_ptr<compiler::JitModule> module;
};

TEST_F(Faults, AnItemThatNamesNoExpertIsDroppedAndNamed) {
  PlanRanks ranks(*module->table(), 2, 300, 4096);
  std::vector<std::vector<int64_t>> routing(2, std::vector<int64_t>(600, 1));
  routing[1][455] = 6;
  routing[1][300] = -2;
  routing[1][577] = int64_t(1) << 40;
  for (int batch = 0; batch < 2; ++batch) {
    ranks.plan(routing, {300, 300});
    EXPECT_EQ(ranks[0].status[FARO_ABI_PLAN_FAULT], 0u);
    EXPECT_EQ(ranks[1].status[FARO_ABI_PLAN_FAULT], 301u);
    EXPECT_EQ(ranks[1].offsets[300], 597u);
    EXPECT_EQ(ranks[0].expertCounts, (std::vector<int64_t>{0, 600 + 597, 0}));
    routing[1][300] = 1;
    ranks.plan(routing, {300, 300}); // the first one stays, though others follow
    EXPECT_EQ(ranks[1].status[FARO_ABI_PLAN_FAULT], 301u);
    routing[1][300] = -2;
  }
}

TEST_F(Faults, WhatDoesNotFitIsMovedNowhereByAnybody) {
  PlanRanks ranks(*module->table(), 2, 300, 100);
  std::vector<std::vector<int64_t>> routing(2, std::vector<int64_t>(98, 5));
  for (auto &each : routing)
    each.resize(98);
  std::fill(routing[0].begin(), routing[0].end(), 0);
  ranks.plan(routing, {49, 49});
  for (uint32_t r = 0; r < 2; ++r) {
    EXPECT_EQ(ranks[r].rows, (Numbers{100, 100}));
    EXPECT_EQ(ranks[r].offsets[49], 98u);
    EXPECT_EQ(ranks[r].status[FARO_ABI_PLAN_OVERFULL], 0u);
  }
  routing[1][7] = 3;
  ranks.plan(routing, {49, 49});
  for (uint32_t r = 0; r < 2; ++r) {
    EXPECT_EQ(ranks[r].status[FARO_ABI_PLAN_OVERFULL], 2u);
    EXPECT_EQ(ranks[r].status[FARO_ABI_PLAN_OVER_ROWS], 104u);
    for (size_t t = 0; t <= 49; ++t)
      EXPECT_EQ(ranks[r].offsets[t], 0u);
    EXPECT_EQ(ranks[r].expertOffsets, std::vector<int64_t>(4));
    EXPECT_EQ(ranks[r].expertCounts, std::vector<int64_t>(3));
  }
  routing[1][7] = 5;
  ranks.plan(routing, {49, 49}); // the next one may fit
  EXPECT_EQ(ranks[1].expertCounts.back(), 98);
}

TEST_F(Faults, ARankThatDoesNotComeIsNamedAndNobodyIsToldAnythingAnyMore) {
  PlanRanks ranks(*module->table(), 3, 4, 64);
  for (uint32_t r = 0; r < 3; ++r)
    ranks[r].area.timeout = 100'000'000;
  ranks.meet(FARO_ABI_MEET_READY);
  const uint32_t kernel = ranks.program().plan->meet;
  ranks.run(kernel, 0, nullptr, FARO_ABI_MEET_READY);
  EXPECT_EQ(ranks[0].status[FARO_ABI_PLAN_BROKEN], 1u);
  EXPECT_EQ(ranks[0].status[FARO_ABI_PLAN_STATUS + 0], 0u);
  EXPECT_EQ(ranks[0].status[FARO_ABI_PLAN_STATUS + 1], 1u + FARO_ABI_MEET_READY);
  EXPECT_EQ(ranks[0].status[FARO_ABI_PLAN_STATUS + 2], 1u + FARO_ABI_MEET_READY);
  const Numbers told = ranks[1].signals;
  ranks.run(kernel, 0, nullptr, FARO_ABI_MEET_PULLED);
  EXPECT_EQ(ranks[1].signals, told);
  // Whatever is planned then moves nothing.
  const std::vector<int64_t> routing(8, 1);
  ranks.run(ranks.program().plan->count, 0, routing.data(), 4);
  ranks.run(ranks.program().plan->scan, 0, nullptr, 4);
  ranks.run(ranks.program().plan->offsets, 0, nullptr, 4);
  ranks.run(ranks.program().plan->place, 0, routing.data(), 4);
  EXPECT_EQ(ranks[0].offsets[4], 0u);
}

} // namespace
} // namespace faro::test
