// Queues that kernels take pushes from, in every order that a weak memory allows: as they are, without a fault; and
// with each single thing left out, the fault that it is there against.
#include "ModelTest.h"
#include "QueueProtocol.h"

#include <cstdlib>

using namespace faro::test;
using enum Order;

namespace {
class QueueModel : public Faultless {};
/// Of initialisers, which name no type.
std::string faultOf(const QueueProtocol &mutant) { return faro::test::faultOf(mutant); }
} // namespace

TEST_F(QueueModel, HasNoFaultWhereverBlocksLeave) {
  for (const uint8_t entries : {1, 2})
    for (uint8_t first = 0; first <= 4; ++first)
      for (uint8_t second = 0; second <= 4; ++second)
        // No block is further ahead of another than there are entries.
        if (std::abs(first - second) <= entries)
          expectNoFault(QueueProtocol{.entries = entries, .leavesAfter = {first, second}});
  expectNoFault(QueueProtocol{.entries = 2, .pushes = 3, .leavesAfter = {1, 3, 2}});
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
