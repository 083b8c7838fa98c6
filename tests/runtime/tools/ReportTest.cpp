#include "runtime/tools/faro-run/Report.h"
#include "runtime/tools/faro-run/Child.h"
#include "runtime/tools/faro-run/Progress.h"
#include "runtime/tools/faro-run/Say.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace faro::run {
namespace {

TEST(Report, ARepeatTakesAsLongAsItsSlowestRank) {
  Job job;
  job.topology = Topology::oneNode(2);
  job.reference.columns = 500;
  RankResult a, b;
  a.items = 3;
  a.rows = 8;
  b.items = 1;
  b.rows = 4;
  a.dispatchNs = {1'000'000, 5'000'000, 2'000'000};
  b.dispatchNs = {3'000'000, 1'000'000, 1'000'000};
  const Figures figures = figuresOf(job, {a, b});
  ASSERT_EQ(figures.phases.size(), 2u);
  const PhaseFigures &dispatch = figures.phases[1];
  EXPECT_EQ(dispatch.name, "dispatch");
  EXPECT_DOUBLE_EQ(dispatch.fastestMs, 2);
  EXPECT_DOUBLE_EQ(dispatch.medianMs, 3);
  EXPECT_EQ(dispatch.bytes, 4000u);
  EXPECT_DOUBLE_EQ(dispatch.gigabytesPerSecond(), 4000 / 3e-3 * 1e-9);
  EXPECT_EQ(figures.fewestRows, 4u);
  EXPECT_EQ(figures.mostRows, 8u);
}

TEST(Report, WhatCrossesNodesIsSummed) {
  Job job;
  job.topology = Topology::blocks(3, 2);
  job.reference.columns = 500;
  faro_abi_program combine{};
  job.combine = &combine;
  RankResult a, b, c;
  b.rank = 1;
  c.rank = 2;
  a.dispatchWire = {10, 1000, 2};
  b.dispatchWire = {4, 400, 1};
  c.dispatchWire = {0, 0, 0, 14};
  c.combineWire = {7, 700, 3};
  b.movedRows = 3;
  c.movedRows = 1;
  const Figures figures = figuresOf(job, {a, b, c});
  EXPECT_EQ(figures.phases[1].wire.rows, 14u);
  EXPECT_EQ(figures.phases[1].wire.bytes, 1400u);
  EXPECT_EQ(figures.phases[1].wire.slices, 3u);
  EXPECT_EQ(figures.phases[1].mostWireRows, 14.0);
  EXPECT_EQ(figures.phases[1].leastWireRows, 14.0) << "node 1 is one rank";
  EXPECT_EQ(figures.phases[2].wire.rows, 7u);
  EXPECT_EQ(figures.movedRows, 4u);

  // The same where rank 0 has two network cards, and rank 2 four: 10 of 2, 4 of 1, 14 of 4.
  job.topology = Topology(std::vector<uint32_t>{0, 0, 1}, {2, 1, 4});
  const Figures byCard = figuresOf(job, {a, b, c});
  EXPECT_EQ(byCard.phases[1].mostWireRows, 5.0);
  EXPECT_DOUBLE_EQ(byCard.phases[1].leastWireRows, 14.0 / 3);
}

TEST(Report, ResultsSurviveTheWire) {
  RankResult result;
  result.dispatchWire = {1, 2, 3};
  result.combineWire = {4, 5, UINT64_MAX, 7, 8};
  result.movedRows = 6;
  result.rank = 3;
  result.rows = 7;
  result.prepareNs = {1, UINT64_MAX};
  result.findings.differences = 2;
  result.findings.firstReceived = "x \xff\n";
  result.trace = {{"dispatch", 1, 2, 3}};
  const std::string line = encodeResult(result);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto back = decode(line);
  ASSERT_TRUE(back) << back.status().message();
  EXPECT_EQ(back->rank, 3u);
  EXPECT_EQ(back->prepareNs, result.prepareNs);
  EXPECT_EQ(back->findings.differences, 2u);
  EXPECT_EQ(back->dispatchWire.bytes, 2u);
  EXPECT_EQ(back->combineWire.slices, UINT64_MAX);
  EXPECT_EQ(back->combineWire.rowsReceived, 7u);
  EXPECT_EQ(back->combineWire.waitNs, 8u);
  EXPECT_EQ(back->movedRows, 6u);
  ASSERT_EQ(back->trace.size(), 1u);
  EXPECT_EQ(back->trace[0].durationNs, 3u);

  const auto error = decode(encodeError({FARO_PEER_FAILED, "rank 2 is gone"}));
  EXPECT_EQ(error.status().code(), FARO_PEER_FAILED);
  EXPECT_EQ(error.status().message(), "rank 2 is gone");
  EXPECT_EQ(decode("{}").status().code(), FARO_DATA_LOSS);
  EXPECT_EQ(decode("no json").status().code(), FARO_DATA_LOSS);
}

TEST(Report, TheCauseExplainsMoreThanItsConsequences) {
  EXPECT_LT(explanatoryRank(FARO_INVALID_ARGUMENT), explanatoryRank(FARO_PEER_FAILED));
  EXPECT_LT(explanatoryRank(FARO_PEER_FAILED), explanatoryRank(FARO_DEADLINE_EXCEEDED));
  EXPECT_LT(explanatoryRank(FARO_DEADLINE_EXCEEDED), explanatoryRank(FARO_ABORTED));
}

/// Without what names processes and threads.
static std::vector<nlohmann::json> traced(const Topology &topology, const std::vector<RankResult> &results) {
  std::vector<nlohmann::json> events;
  const auto trace = nlohmann::json::parse(formatTrace(topology, results));
  for (const auto &event : trace["traceEvents"])
    if (event["ph"] != "M")
      events.push_back(event);
  return events;
}

TEST(Report, TheTraceHasEveryRanksEvents) {
  RankResult a, b;
  b.rank = 1;
  a.trace = {{"dispatch", 0, 2000, 500}};
  b.trace = {{"dispatch", 0, 1000, 250}};
  const auto events = traced(Topology::oneNode(2), {a, b});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0]["ph"], "X");
  EXPECT_EQ(events[0]["pid"], 0);
  EXPECT_EQ(events[0]["ts"], 1.0); // microseconds after the first event
  EXPECT_EQ(events[0]["dur"], 0.5);
  EXPECT_EQ(events[1]["ts"], 0.0);
}

TEST(Report, EachNodesTraceBeginsAtZero) {
  RankResult a, b, c;
  b.rank = 1;
  c.rank = 2;
  a.trace = {{"prepare", 0, 2000, 500}};
  b.trace = {{"prepare", 0, 1000, 250}};
  c.trace = {{"prepare", 0, 900'000'000, 250}}; // another machine's clock
  const Topology topology = Topology::blocks(3, 2);
  const auto events = traced(topology, {a, b, c});
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["ts"], 1.0);
  EXPECT_EQ(events[1]["ts"], 0.0);
  EXPECT_EQ(events[2]["ts"], 0.0);
  EXPECT_NE(formatTrace(topology, {a, b, c}).find("rank 2 (node 1)"), std::string::npos);
}

/// Slices on the wire overlap: each has two ends, which its number joins. Work of a core does not.
TEST(Report, TheTraceHasStagesOnTheirResources) {
  RankResult a;
  a.trace = {{"gather", 1, 1000, 500, FARO_ABI_ON_CORE, 0, 3},
             {"wire", 1, 1500, 3000, FARO_ABI_ON_NIC, 0, 3},
             {"wire", 1, 2000, 3000, FARO_ABI_ON_NIC, 1, 3}};
  auto there = decode(encodeResult(a));
  ASSERT_TRUE(there) << there.status().message();
  const auto events = traced(Topology::oneNode(1), {*there});
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0]["ph"], "X");
  EXPECT_EQ(events[0]["args"], nlohmann::json({{"repeat", 1}, {"slice", 0}, {"peer", 3}}));
  for (size_t i : {1u, 3u}) {
    EXPECT_EQ(events[i]["ph"], "b");
    EXPECT_EQ(events[i + 1]["ph"], "e");
    EXPECT_EQ(events[i]["id"], events[i + 1]["id"]);
    EXPECT_EQ(events[i + 1]["ts"].get<double>() - events[i]["ts"].get<double>(), 3.0);
    EXPECT_NE(events[i]["tid"], events[0]["tid"]);
  }
  EXPECT_NE(events[1]["id"], events[3]["id"]);
}

TEST(ChildOrders, SurviveTheCommandLine) {
  ChildOrders orders, back;
  orders.reportFd = 5;
  orders.outputFd = -1;
  orders.parent = 12345;
  orders.end = std::chrono::steady_clock::now() + std::chrono::hours(5);
  ASSERT_TRUE(ChildOrders::decode(orders.encode(), back));
  EXPECT_EQ(back.encode(), orders.encode());
  for (const char *wrong : {"", "1", "1:2:3:4", "1:2:3:4:5x", "a:b:c:d:e"})
    EXPECT_FALSE(ChildOrders::decode(wrong, back)) << wrong;
}

TEST(ProgressBoard, IsSharedThroughItsDescriptor) {
  auto board = ProgressBoard::create(3);
  ASSERT_TRUE(board) << board.status().message();
  auto other = ProgressBoard::open(::dup(board->fd()), 3);
  ASSERT_TRUE(other);
  other->slot(1).enter(Phase::Combining, 4);
  EXPECT_EQ(board->slot(1).repeat.load(), 4u);
  EXPECT_EQ(board->describe(), "ranks 0 and 2 starting, rank 1 combining");
}

TEST(ProgressLine, GivesItsPlaceToWhatIsSaidNext) {
  testing::internal::CaptureStderr();
  lineIsDrawn = true;
  say("a\n");
  say("b\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "\r\033[Ka\nb\n");
}

} // namespace
} // namespace faro::run
