// Queues that kernels take pushes from, in every order that a weak memory allows: as they are, without a fault; and
// with each single thing left out, the fault that it is there against.
#include "QueueProtocol.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace faro::test;
using enum Order;

namespace {

std::string faultOf(const QueueProtocol &mutant) {
  const std::string fault = check(modelOf(mutant)).fault;
  return fault.substr(0, fault.find('\n'));
}
bool isRace(const std::string &fault) { return fault.find(", expects ") != std::string::npos; }

} // namespace

TEST(QueueModel, HasNoFaultWhereverBlocksLeave) {
  size_t states = 0, ways = 0;
  const auto add = [&](const QueueProtocol &protocol) {
    const Outcome outcome = check(modelOf(protocol));
    EXPECT_EQ(outcome.fault, "") << int(protocol.leavesAfter[0]) << " " << int(protocol.leavesAfter[1]);
    states += outcome.states;
    ++ways;
  };
  for (const uint8_t entries : {1, 2})
    for (uint8_t first = 0; first <= 4; ++first)
      for (uint8_t second = 0; second <= 4; ++second)
        // No block is further ahead of another than there are entries.
        if (std::abs(first - second) <= entries)
          add({.entries = entries, .leavesAfter = {first, second}});
  add({.entries = 2, .pushes = 3, .leavesAfter = {1, 3, 2}});
  EXPECT_GT(ways, 20u);
  RecordProperty("states", std::to_string(states));
  fmt::print("{} states, {} ways\n", states, ways);
}

TEST(QueueMutants, EachOrderIsThereAgainstAFault) {
  for (const std::vector<uint8_t> &leaves : {std::vector<uint8_t>{4, 4}, {1, 2}}) {
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .posted = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .awaitPosted = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .done = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .awaitDone = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .postedFirst = true})));
    EXPECT_TRUE(isRace(faultOf({.leavesAfter = leaves, .doneFirst = true})));
  }
}

TEST(QueueMutants, WhoUsesAnEntryAgainWaitsForAllBlocks) {
  EXPECT_TRUE(isRace(faultOf({.awaitsAll = false})));
  EXPECT_TRUE(isRace(faultOf({.awaits = false})));
}

TEST(QueueMutants, ALaunchGoesOnWhereTheOneBeforeHasEnded) {
  EXPECT_TRUE(isRace(faultOf({.leavesAfter = {1, 2}, .awaitsLaunch = false})));
  EXPECT_TRUE(isRace(faultOf({.leavesAfter = {1, 2}, .left = Relaxed})));
  EXPECT_TRUE(isRace(faultOf({.leavesAfter = {1, 2}, .awaitLeft = Relaxed})));
}
