// The cost model's formula, its graph, and slices played in time.
#include "RandomGraph.h"

#include "compiler/Schedule/CostModel.h"
#include "compiler/Schedule/MaxCycleRatio.h"
#include "runtime/engine/Slice.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace faro::compiler;
using faro::sliceHeadBytes;
using namespace faro::test;

namespace {

SliceTimes randomTimes(std::mt19937 &random) {
  auto some = [&] { return double(1 + upTo(random, 50)); };
  // Now and then one of them dominates, so that each term of the formula is the largest at some time.
  SliceTimes times{some(), some(), some(), some(), some(), some(), some()};
  double *each[] = {&times.gather,  &times.post,       &times.wire,  &times.latency,
                    &times.scatter, &times.completion, &times.credit};
  *each[upTo(random, 6)] *= double(1 + upTo(random, 20));
  return times;
}

/// When the last of so many firings of an actor ends: each firing begins as soon as it may.
double playedInTime(const MarkedGraph &graph, size_t actor, size_t firings) {
  const size_t actors = graph.actors().size();
  // Actors without an edge to themselves are pure delays, which hold any number of slices.
  std::vector<std::vector<double>> end(actors, std::vector<double>(firings, 0));
  for (size_t n = 0; n < firings; ++n)
    for (bool changed = true; changed;) {
      changed = false;
      for (const TokenEdge &edge : graph.edges()) {
        const double begin = n >= edge.tokens ? end[edge.from][n - edge.tokens] : 0;
        const double done = begin + graph.actors()[edge.to].delay;
        if (done > end[edge.to][n]) {
          end[edge.to][n] = done;
          changed = true;
        }
      }
    }
  return end[actor][firings - 1];
}

TEST(CostModel, TheFormulaIsTheMaximumCycleRatioOfThePipeline) {
  std::mt19937 random(1);
  std::vector<size_t> longest(8, 0);
  for (int i = 0; i < 3000; ++i) {
    const SliceTimes times = randomTimes(random);
    const uint32_t slots = uint32_t(1 + upTo(random, 9));
    const MarkedGraph graph = pipelineGraph(times, slots, slots);
    ASSERT_EQ(graph.check(), std::nullopt);
    ASSERT_EQ(graph.verify(), std::nullopt);
    const auto period = maxCycleRatio(graph);
    ASSERT_TRUE(period.has_value());
    ASSERT_NEAR(period->ratio, slicePeriod(times, slots), 1e-9 * period->ratio);
    ++longest[period->cycle.size()];
  }
  // One stage by itself, the sender's slots (gather, post, wire, completion), the receiver's (six stages).
  EXPECT_GT(longest[1], 100u);
  EXPECT_GT(longest[4], 100u);
  EXPECT_GT(longest[6], 100u);
}

TEST(CostModel, TheTimeOfSlicesIsThatOfTheGamePlayedInTime) {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i) {
    const SliceTimes times = randomTimes(random);
    const uint32_t slots = uint32_t(1 + upTo(random, 9));
    const size_t slices = 1 + upTo(random, 200);
    const MarkedGraph graph = pipelineGraph(times, slots, slots);
    size_t scatter = 0;
    while (graph.actors()[scatter].name != "scatter")
      ++scatter;
    const double played = playedInTime(graph, scatter, slices), formula = pipelineTime(times, slots, slices);
    // The formula counts a period from the first slice on; slots are all free at first, so the game may be faster by
    // less than what is on its way at a time.
    EXPECT_LE(played, formula * (1 + 1e-9));
    EXPECT_LE(formula - played, slots * slicePeriod(times, slots));
    if (slices == 1)
      EXPECT_NEAR(played, formula, 1e-9 * played);
    // When a stage is the bottleneck, not the slots, there is no difference.
    if (slicePeriod(times, slots) == slicePeriod(times, 1000))
      EXPECT_NEAR(played, formula, 1e-9 * played);
  }
}

TEST(CostModel, ManySlicesTakeAPeriodEach) {
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    const SliceTimes times = randomTimes(random);
    const uint32_t slots = uint32_t(1 + upTo(random, 9));
    const MarkedGraph graph = pipelineGraph(times, slots, slots);
    const double more = playedInTime(graph, 0, 2520 + 600) - playedInTime(graph, 0, 600); // 2520: of all 1..10 slots
    EXPECT_NEAR(more / 2520, slicePeriod(times, slots), 1e-9 * slicePeriod(times, slots));
  }
}

TEST(CostModel, SlicesSuitTheWire) {
  for (uint64_t row : {2u, 512u, 1024u, 14336u, 65536u}) {
    const SliceChoice tcp = chooseSlices(WireClass::Tcp, row, 8), rdma = chooseSlices(WireClass::Rdma, row, 8);
    EXPECT_GE(tcp.slotBytes, 64u << 10);
    EXPECT_LE(tcp.slotBytes, 128u << 10);
    EXPECT_EQ(rdma.slotBytes, 1u << 20);
    EXPECT_EQ(tcp.slots, 8u);
    EXPECT_EQ(rdma.slots, 8u);
  }
}

TEST(CostModel, ASlotHoldsARow) {
  for (WireClass wire : {WireClass::Tcp, WireClass::Rdma})
    for (uint64_t row = 1; row < (uint64_t(1) << 28); row = row * 3 + 1)
      for (uint64_t destinations : {1, 8, 64}) {
        const SliceChoice choice = chooseSlices(wire, row, destinations);
        EXPECT_GE(choice.slotBytes, sliceBytes(1, row, destinations));
        EXPECT_GE(choice.slots, 2u);
        EXPECT_EQ(effectiveSlots(choice.slots, choice.slotBytes, sliceBytes(1, row, destinations)), choice.slots);
      }
}

TEST(CostModel, LongRowsAreTakenFromWhereTheyLieOverTcpOnly) {
  EXPECT_FALSE(chooseSlices(WireClass::Tcp, 128, 8).byReference);
  EXPECT_TRUE(chooseSlices(WireClass::Tcp, 14336, 8).byReference);
  EXPECT_FALSE(chooseSlices(WireClass::Rdma, 14336, 8).byReference);
}

TEST(CostModel, ASliceHasTheRowsThatFit) {
  for (uint64_t bytes : {64u, 100u, 128u, 4096u, 65536u, 131072u})
    for (uint64_t stride : {2u, 64u, 1000u, 14336u})
      for (uint64_t destinations : {1u, 8u, 64u})
        for (bool byReference : {false, true}) {
          const uint64_t rows = rowsIn(bytes, stride, destinations, byReference);
          EXPECT_TRUE(rows == 0 || sliceBytes(rows, stride, destinations, byReference) <= bytes);
          EXPECT_GT(sliceBytes(rows + 1, stride, destinations, byReference), bytes);
        }
}

TEST(CostModel, ASliceIsAsLargeAsTheEngineMakesIt) {
  for (uint64_t rows : {1u, 2u, 9u, 1000u})
    for (uint64_t destinations : {1u, 8u, 64u})
      for (uint64_t stride : {2u, 1024u}) {
        EXPECT_EQ(sliceBytes(rows, stride, destinations), sliceHeadBytes(rows, rows * destinations) + rows * stride);
        EXPECT_EQ(sliceBytes(rows, stride, destinations, true), sliceHeadBytes(rows, rows * destinations));
      }
}

TEST(CostModel, ASliceLargerThanASlotTakesAdjacentOnes) {
  EXPECT_EQ(effectiveSlots(8, 4096, 4096), 8u);
  EXPECT_EQ(effectiveSlots(8, 4096, 4097), 4u);
  EXPECT_EQ(effectiveSlots(3, 4096, 6000), 1u); // 12288 bytes would hold two, but not in adjacent slots
  EXPECT_EQ(effectiveSlots(1, 4096, 4097), 0u);
  EXPECT_EQ(effectiveSlots(0, 4096, 10), 0u);
  EXPECT_EQ(effectiveSlots(8, 0, 10), 0u);
}

TEST(CostModel, APredictionGrowsWithWhatIsMoved) {
  const Volumes volumes{.sentRows = 1000,
                        .receivedRows = 1000,
                        .rowBytes = 14336,
                        .fannedOutBytes = uint64_t(4000) * 14336,
                        .localBytes = uint64_t(4000) * 14336,
                        .gatheredBytes = uint64_t(1000) * 14336};
  const SliceChoice slices = chooseSlices(WireClass::Tcp, 14336, 8);
  // A shaped wire of 1 Gbit/s that two ranks share: the wire is all there is, and a fill.
  const Host shaped{.coresPerRank = 0.5, .wireRate = 0.0625};
  const double wire = 1000 * 14336 / 0.0625, predicted = predictTime(WireClass::Tcp, slices, volumes, shaped);
  EXPECT_GT(predicted, wire);
  EXPECT_LT(predicted, 1.03 * wire);
  // On loopback cores are what is short.
  Volumes more = volumes;
  more.localBytes *= 4;
  EXPECT_GT(predictTime(WireClass::Tcp, slices, more), predictTime(WireClass::Tcp, slices, volumes));
  EXPECT_GT(predictTime(WireClass::Tcp, slices, volumes, {.coresPerRank = 0.5}),
            predictTime(WireClass::Tcp, slices, volumes));
  // Nothing for other nodes: the node's own rows alone.
  EXPECT_DOUBLE_EQ(predictTime(WireClass::Tcp, slices, {.rowBytes = 100, .localBytes = 8000}), 1000);
}

TEST(CostModel, WiresHaveNames) {
  for (WireClass wire : {WireClass::Tcp, WireClass::Rdma})
    EXPECT_EQ(wireClassFromName(wireClassName(wire)), wire);
  EXPECT_EQ(wireClassFromName("carrier pigeon"), std::nullopt);
}

} // namespace
