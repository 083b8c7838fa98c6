// The meetings of planning on devices, in every order that a weak memory allows: as they are, without a fault; and with
// each single thing left out, the fault that it is there against.
#include "ModelTest.h"
#include "PlanProtocol.h"

using namespace faro::test;
using enum PlanCall;
using enum Order;

namespace {
class PlanModel : public Faultless {};
/// Of initialisers, which name no type.
std::string faultOf(const PlanProtocol &mutant) { return faro::test::faultOf(mutant); }
} // namespace

TEST_F(PlanModel, HasNoFault) {
  for (const bool inPlace : {false, true}) {
    expectNoFault(PlanProtocol{.calls = {Dispatch, Combine, Dispatch, Combine, Combine, Dispatch}, .inPlace = inPlace});
    expectNoFault(PlanProtocol{.ranks = 3, .calls = {Dispatch, Combine, Dispatch, Combine}, .inPlace = inPlace});
    expectNoFault(PlanProtocol{.ranks = 3, .calls = {Combine, Combine, Dispatch, Dispatch}, .inPlace = inPlace});
  }
}

TEST(PlanMutants, EachMeetingIsThereAgainstAFault) {
  EXPECT_TRUE(isRace(faultOf({.hasCounted = false})));
  EXPECT_TRUE(isRace(faultOf({.calls = {Combine, Dispatch}, .inPlace = true, .hasCounted = false})));
  EXPECT_TRUE(isRace(faultOf({.calls = {Dispatch}, .hasPushed = false})));
  EXPECT_TRUE(isRace(faultOf({.calls = {Combine}, .hasReady = false})));
  // Results that are written anew while they are read: only where no dispatch is between two combines.
  EXPECT_TRUE(isRace(faultOf({.calls = {Combine, Combine}, .hasPulled = false})));
  for (const bool inPlace : {false, true})
    EXPECT_EQ(faultOf({.ranks = 3, .calls = {Combine, Dispatch, Combine}, .inPlace = inPlace, .hasPulled = false}), "");
}

TEST(PlanMutants, EachOrderIsThereAgainstAFault) {
  for (const std::vector<PlanCall> &calls : {std::vector{Dispatch}, {Combine}}) {
    EXPECT_TRUE(isRace(faultOf({.calls = calls, .signal = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.calls = calls, .poll = Relaxed})));
    EXPECT_TRUE(isRace(faultOf({.calls = calls, .awaitsAll = false})));
  }
  EXPECT_TRUE(isRace(faultOf({.calls = {Dispatch}, .tellsFirst = true})));
}

TEST(PlanMutants, MeetingsTakeTurnsSoThatTheVeryWordIsSeenToo) {
  EXPECT_EQ(faultOf({.calls = {Dispatch, Combine, Dispatch}, .exactly = true}), "");
}
