// The signals between kernels, proxies and peers, in every order that a weak memory allows: as they are, without a
// fault; and with each single thing left out or turned round, the fault that it is there against.
#include "ModelTest.h"
#include "RingProtocol.h"
#include "SignalProtocol.h"
#include "tests/support/Some.h"

#include <array>

using namespace faro::test;
using enum Call;
using enum Order;

namespace {

class SignalModel : public Faultless {};
class RingModel : public Faultless {};

constexpr const char *Deadlock = "nobody can go on:", *Harmless = "";

std::vector<Call> times(size_t calls, Call call) { return std::vector<Call>(calls, call); }

//===----------------------------------------------------------- flags ---===//

TEST_F(SignalModel, TwoRanksHaveNoFault) {
  for (size_t calls = 1; calls <= 4; ++calls)
    for (const Call call : {Push, Pull, Meet})
      expectNoFault(SignalProtocol{.calls = times(calls, call), .wordsOfRow = 2});
}

TEST_F(SignalModel, ThreeRanksHaveNoFault) {
  if (Sanitized)
    GTEST_SKIP() << LongWithSanitizers;
  for (const Call call : {Push, Pull, Meet})
    expectNoFault(SignalProtocol{.ranks = 3, .calls = times(4, call), .readsValues = false});
  expectNoFault(SignalProtocol{.ranks = 3, .calls = {Push, Pull, Push}});
}

TEST_F(SignalModel, TheCounterOfArrivalsAsAFirstLookIsNoFault) {
  for (const uint8_t ranks : {2, 3})
    for (const Call call : {Push, Pull, Meet})
      expectNoFault(SignalProtocol{.ranks = ranks, .calls = times(3, call), .look = Look::CounterThenWords});
}

TEST(SignalMutants, ACounterexampleCanBeRead) {
  EXPECT_EQ(check(modelOf(SignalProtocol{.calls = {Pull}, .notifyOpen = Relaxed})).fault,
            "rank 1: reads result of 0 = 0, expects 1\n"
            "   1. rank 0: open 0->1 [1] = 1\n"
            "   2. rank 1: awaits open 0->1 [1] = 1\n"
            "   3. rank 1: awaits open 1->1 [1] = 1");
}

TEST(SignalMutants, WithoutReleaseRowsAreStaleOrOverwrittenWhileRead) {
  EXPECT_EQ(faultOf(SignalProtocol{.notifyDone = Relaxed}), "rank 1: reads rows 0->1 [0] = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.notifyOpen = Relaxed}), "rank 0: reads rows 1->0 [0] = 2, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Pull, Pull}, .notifyDone = Relaxed}),
            "rank 0: reads result of 1 = 2, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .notifyDone = Relaxed}),
            "rank 1: reads letter of 0 [1] = 0, expects 1");
}

TEST(SignalMutants, WithoutAcquireRowsAreReadAhead) {
  EXPECT_EQ(faultOf(SignalProtocol{.awaitDone = Relaxed}), "rank 1: reads rows 0->1 [0] = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Pull, Pull}, .awaitOpen = Relaxed}),
            "rank 0: reads result of 1 = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .awaitDone = Relaxed}),
            "rank 0: reads letter of 1 [1] = 0, expects 1");
}

/// Nobody makes a write visible before it is certain to happen. The acquires are there all the same: the languages that
/// runtime and kernels are written in promise no such thing.
TEST(SignalMutants, WithoutAcquireBeforeWritesAloneThereIsNoHarm) {
  if (Sanitized)
    GTEST_SKIP() << LongWithSanitizers;
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Push, Push}, .awaitOpen = Relaxed}), Harmless);
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Pull, Pull}, .awaitDone = Relaxed}), Harmless);
}

TEST(SignalMutants, AFlagRaisedBeforeTheDataIsStaleData) {
  EXPECT_EQ(faultOf(SignalProtocol{.flagFirst = true}), "rank 1: reads rows 0->1 [0] = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Pull, Pull}, .flagFirst = true}),
            "rank 1: reads result of 0 = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .flagFirst = true}),
            "rank 1: reads letter of 0 [1] = 0, expects 1");
}

TEST(SignalMutants, OneWordAFlagIsOverwrittenBeforeItIsSeen) {
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .words = 1}), "rank 1: reads meet 0->1 [0] = 2, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .readsValues = false, .words = 1}), Deadlock);
}

/// A rank opens again when all are done, and done is who has seen that all were open. So flags that take turns need one
/// word each; the second is for one that follows itself, in meetings and exchanges of counts.
TEST(SignalMutants, OneWordAFlagIsEnoughWhereFlagsTakeTurns) {
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Push, Pull, Push}, .words = 1}), Harmless);
}

TEST(SignalMutants, OneLetterARankIsOverwrittenWhileRead) {
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Meet, Meet}, .letters = 1}), "rank 1: reads letter of 0 = 2, expects 1");
}

TEST(SignalMutants, AnAwaitOfAllButOneIsStaleData) {
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .awaitsAll = false}), "rank 1: reads rows 2->1 [0] = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Meet}, .awaitsAll = false}),
            "rank 1: reads letter of 2 [1] = 0, expects 1");
}

/// One rank is an epoch ahead and counts twice where another's arrival is still on its way.
TEST(SignalMutants, TheCounterOfArrivalsAloneIsTooHigh) {
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Meet, Meet}, .look = Look::Counter}),
            "rank 1: reads meet 2->1 [1] = 0, expects 1");
}

/// Where flags take turns nobody counts twice: who raises a flag again knows that all have awaited it. Nor does it harm
/// between two ranks, as each has counted itself before it looks.
TEST(SignalMutants, TheCounterOfArrivalsAloneIsEnoughWhereNobodyCountsTwice) {
  EXPECT_EQ(faultOf(SignalProtocol{.ranks = 3, .calls = {Push, Pull, Push}, .look = Look::Counter}), Harmless);
  EXPECT_EQ(faultOf(SignalProtocol{.calls = times(4, Meet), .look = Look::Counter}), Harmless);
}

TEST(SignalMutants, WithoutOpenRowsAreOverwrittenWhileReadAndResultsStale) {
  EXPECT_EQ(faultOf(SignalProtocol{.hasOpen = false}), "rank 1: reads rows 0->1 [0] = 2, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Pull, Pull}, .hasOpen = false}),
            "rank 0: reads result of 1 = 0, expects 1");
}

TEST(SignalMutants, WithoutDoneRowsAreStaleAndResultsOverwrittenWhileRead) {
  EXPECT_EQ(faultOf(SignalProtocol{.hasDone = false}), "rank 1: reads rows 0->1 [0] = 0, expects 1");
  EXPECT_EQ(faultOf(SignalProtocol{.calls = {Pull, Pull}, .hasDone = false}),
            "rank 1: reads result of 0 = 2, expects 1");
}

/// The models above are faultless with a bound of one epoch, which is reached.
TEST(SignalMutants, ARankDoesGetAheadByAnEpoch) {
  EXPECT_EQ(faultOf(SignalProtocol{.mostAhead = 0}), "rank 0 raises epoch 1 of open while rank 1 has raised 0");
}

//===----------------------------------------------------------- rings ---===//

TEST_F(RingModel, OneFlowHasNoFault) {
  if (Sanitized)
    GTEST_SKIP() << LongWithSanitizers;
  for (uint8_t slots = 1; slots <= 3; ++slots)
    for (uint8_t slices = 1; slices <= 2 * slots + 1; ++slices)
      expectNoFault(RingProtocol{.slots = slots, .rxSlots = slots, .slices = slices});
  for (uint8_t slots = 1; slots <= 2; ++slots)
    expectNoFault(RingProtocol{.slots = slots, .rxSlots = slots, .wordsOfSlice = 2, .sentFirst = true});
}

/// Nor do they need shares of the ring: what frees a flow's slots waits for no other flow.
TEST_F(RingModel, TwoFlowsThatShareARingHaveNoFault) {
  if (Sanitized)
    GTEST_SKIP() << LongWithSanitizers;
  for (const auto [slots, slices] : {std::array<uint8_t, 2>{1, 3}, {2, 5}, {3, 2}})
    for (const bool fair : {true, false})
      expectNoFault(RingProtocol{.slots = slots, .rxSlots = 1, .slices = slices, .flows = 2, .fair = fair});
}

TEST_F(RingModel, RanksThatSendToEachOtherHaveNoFault) {
  for (const auto [slots, rxSlots, slices] : {std::array<uint8_t, 3>{1, 1, 3}, {2, 2, 5}, {2, 3, 4}}) {
    RingProtocol ring{.slots = slots, .rxSlots = rxSlots, .slices = slices, .bothWays = true};
    ring.parts = Parts::Alternating;
    expectNoFault(ring);
  }
}

TEST(RingMutants, WithoutReleaseSlicesAreStaleOrOverwrittenWhileRead) {
  EXPECT_EQ(faultOf(RingProtocol{.post = Relaxed}), "proxy 0, flow 0: reads rank 0 tx [0] = 0, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.full = Relaxed}), "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 0, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.free = Relaxed}), "proxy 0, flow 0: reads rank 0 tx [0] = 12, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.credit = Relaxed}),
            "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 13, expects 11");
}

/// Behind a slot taken or a credit there are only writes, as behind `open`.
TEST(RingMutants, WithoutAcquireSlicesAreReadAhead) {
  EXPECT_EQ(faultOf(RingProtocol{.awaitPost = Relaxed}), "proxy 0, flow 0: reads rank 0 tx [1] = 0, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.awaitFull = Relaxed}),
            "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 0, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.take = Relaxed}), Harmless);
  EXPECT_EQ(faultOf(RingProtocol{.awaitCredit = Relaxed}), Harmless);
}

TEST(RingMutants, AFlagRaisedBeforeTheSliceIsAStaleSlice) {
  EXPECT_EQ(faultOf(RingProtocol{.postFirst = true}), "proxy 0, flow 0: reads rank 0 tx [0] = 0, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.fullFirst = true}), "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 0, expects 11");
}

TEST(RingMutants, ASlotGivenBackBeforeItIsReadIsOverwritten) {
  EXPECT_EQ(faultOf(RingProtocol{.freeFirst = true}), "proxy 0, flow 0: reads rank 0 tx [0] = 12, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.creditFirst = true}),
            "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 13, expects 11");
}

TEST(RingMutants, WhoDoesNotWaitForASlotOverwritesIt) {
  EXPECT_EQ(faultOf(RingProtocol{.producerWaits = false}), "proxy 0, flow 0: reads rank 0 tx [1] = 13, expects 11");
  EXPECT_EQ(faultOf(RingProtocol{.proxyWaits = false}),
            "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 13, expects 11");
}

TEST(RingMutants, AFlagOfTheLastLapIsTakenForThisLaps) {
  EXPECT_EQ(faultOf(RingProtocol{.checksPosted = false}), "proxy 0, flow 0: reads rank 0 tx [0] = 11, expects 13");
  EXPECT_EQ(faultOf(RingProtocol{.checksFull = false}),
            "consumer 0, flow 0: reads rank 0 flow 0 rx [1] = 11, expects 13");
}

/// A share is one slot at least: with fewer slots than flows it is no help, and the faultless model with one slot
/// stands on readers that wait for no other flow.
TEST(RingMutants, AFlowWithAllSlotsLocksUpAReaderThatTakesFlowsInTurn) {
  RingProtocol inTurn{.rxSlots = 1, .slices = 3, .flows = 2, .parts = Parts::Consumer};
  EXPECT_EQ(faultOf(inTurn), Harmless);
  inTurn.fair = false;
  EXPECT_EQ(faultOf(inTurn), Deadlock);
  inTurn.fair = true;
  inTurn.slots = 1;
  EXPECT_EQ(faultOf(inTurn), Deadlock);
}

TEST(RingMutants, ASlotHeldWhileWaitingForWhatTheOtherFlowBringsIsADeadlock) {
  RingProtocol answers{.slots = 1, .rxSlots = 1, .slices = 3, .flows = 2, .answers = true};
  EXPECT_EQ(faultOf(answers), Harmless);
  answers.holdsAndWaits = true;
  EXPECT_EQ(faultOf(answers), Deadlock);
}

/// The rings hold one slice less than is sent.
TEST(RingMutants, KernelsThatSendAllBeforeTheyReadLockEachOtherUp) {
  RingProtocol first{.slots = 1, .rxSlots = 1, .slices = 2, .bothWays = true, .parts = Parts::ProducerFirst};
  EXPECT_EQ(faultOf(first), Harmless);
  ++first.slices;
  EXPECT_EQ(faultOf(first), Deadlock);
}

} // namespace
