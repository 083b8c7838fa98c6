// Hierarchical schedules, played by threads: whatever the slots, the nodes and the order of events, every row arrives.
#include "runtime/engine/SliceShape.h"
#include "tests/runtime/engine/HandMade.h"
#include "tests/runtime/engine/Shuffle.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::test;

static std::shared_ptr<const Module> moduleOf(const ModuleShape &shape) {
  auto module = makeModule(shape);
  EXPECT_TRUE(module) << module.status().message();
  return module ? *module : nullptr;
}

static std::vector<Input> inputsOf(uint32_t ranks, uint32_t tokens, uint32_t seed = 1) {
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    inputs.push_back(makeInput(rank, tokens, seed));
  return inputs;
}

static void expectRight(const std::vector<std::string> &wrong) {
  for (uint32_t rank = 0; rank < wrong.size(); ++rank)
    EXPECT_EQ(wrong[rank], "") << "rank " << rank;
}

TEST(AcrossNodes, twoByTwo) { expectRight(shuffleAll({0, 0, 1, 1}, moduleOf({}), inputsOf(4, 100), 3)); }

TEST(AcrossNodes, rowsByReference) {
  ModuleShape shape;
  shape.byReference = true;
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf(shape), inputsOf(4, 100), 3));
}

TEST(AcrossNodes, oneSlot) {
  ModuleShape shape;
  shape.slots = 1;
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf(shape), inputsOf(4, 60), 2));
}

TEST(AcrossNodes, slotsSmallerThanARow) {
  ModuleShape shape;
  shape.slotBytes = 64;
  shape.slots = 13; // four slots a row, three rows, one slot over
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf(shape), inputsOf(4, 30), 2));
}

TEST(AcrossNodes, nodesOfDifferentSizesAndRanksThatAreNoNeighbours) {
  const std::vector<uint32_t> nodes = {5, 0, 5, 9, 9, 5};
  expectRight(shuffleAll(nodes, moduleOf({}), inputsOf(6, 70), 3));
}

TEST(AcrossNodes, oneRankANode) { expectRight(shuffleAll({0, 1, 2, 3}, moduleOf({}), inputsOf(4, 50), 2)); }

TEST(AcrossNodes, ranksWithNothing) {
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < 6; ++rank)
    inputs.push_back(makeInput(rank, rank == 1 || rank == 4 ? 0 : 40, 3));
  expectRight(shuffleAll({0, 0, 0, 1, 1, 1}, moduleOf({}), inputs, 2));
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf({}), inputsOf(4, 0), 2));
}

/// Everybody sends to one rank, which must not be held up by its slots being taken by others.
TEST(AcrossNodes, everythingGoesToOneRank) {
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < 6; ++rank)
    inputs.push_back(makeInput(rank, 80, 5, [](uint32_t expert) { return expert % 6 == 5; }));
  expectRight(shuffleAll({0, 0, 1, 1, 2, 2}, moduleOf({}), inputs, 2));
}

/// All tokens of a node are one rank's: the balancer makes it hand rows to the other rails.
TEST(AcrossNodes, rowsThatLeaveByAnotherRail) {
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < 6; ++rank)
    inputs.push_back(makeInput(rank, rank % 3 == 0 ? 120 : 3, 7));
  const auto module = moduleOf({});
  std::vector<uint64_t> moved(6);
  onSessions({0, 0, 0, 1, 1, 1}, module, [&](uint32_t rank, Session &session) {
    EXPECT_EQ(shuffle(session, *module, rank, inputs, 2), "") << "rank " << rank;
    moved[rank] = session.statistics().movedRows;
  });
  EXPECT_GT(moved[0], 0u);
  EXPECT_GT(moved[3], 0u);
}

/// Every rank has as many rows, and one of each node three network cards of four.
TEST(AcrossNodes, rowsLeaveByTheRanksThatHaveTheNetworkCards) {
  const auto inputs = inputsOf(4, 100);
  const auto module = moduleOf({});
  std::vector<SessionStatistics> of(4);
  onRanks(communicators({0, 0, 1, 1}, std::chrono::seconds(30), {1, 3, 1, 3}),
          [&](uint32_t rank, const std::shared_ptr<Communicator> &communicator) {
            auto session = Session::create(communicator, module);
            ASSERT_TRUE(session) << session.status().message();
            EXPECT_EQ(shuffle(**session, *module, rank, inputs, 1), "") << "rank " << rank;
            of[rank] = (*session)->statistics();
          });
  for (const uint32_t poor : {0u, 2u}) {
    const SessionStatistics &less = of[poor], &more = of[poor + 1];
    EXPECT_GT(less.movedRows, 0u);
    EXPECT_EQ(more.movedRows, 0u);
    EXPECT_NEAR(double(less.wireRows) / double(less.wireRows + more.wireRows), 0.25, 0.02);
    EXPECT_NEAR(double(less.wireRowsReceived) / double(less.wireRowsReceived + more.wireRowsReceived), 0.25, 0.02);
  }
}

/// Of a combine's tokens those are settled whose sums come by their own rank, without waiting for the others.
TEST(AcrossNodes, tokensAreSettledAsSlicesCome) {
  ModuleShape waits;
  waits.settles = false;
  for (const bool settles : {true, false}) {
    const auto module = moduleOf(settles ? ModuleShape() : waits);
    onSessions({0, 1, 2}, module, [&](uint32_t rank, Session &session) {
      EXPECT_EQ(shuffle(session, *module, rank, inputsOf(3, 50), 1), "");
      EXPECT_EQ(session.statistics().settledTokens, settles ? 50u : 0u) << "rank " << rank;
    });
  }
}

/// Rows that are stored by a dispatch and its combine, on all ranks, and slices' rows that the combine received.
struct Stored {
  uint64_t stores, received;
};
static Stored storesOf(const std::vector<uint32_t> &nodes, const ModuleShape &shape) {
  const auto module = moduleOf(shape);
  std::atomic<uint64_t> stores = 0, received = 0;
  onStore = [&] { ++stores; };
  onSessions(nodes, module, [&](uint32_t rank, Session &session) {
    EXPECT_EQ(shuffle(session, *module, rank, inputsOf(uint32_t(nodes.size()), 50), 1), "");
    received += session.statistics().wireRowsReceived;
  });
  onStore = nullptr;
  return {stores, received / 2}; // as many rows come back as went
}

/// The last row of a token is read in its slot; others wait for it in the partial window.
TEST(AcrossNodes, onlyRowsThatWaitForOthersAreStoredOnTheirWayBack) {
  ModuleShape waits;
  waits.settles = false;
  for (const std::vector<uint32_t> &nodes : {std::vector<uint32_t>{0, 1}, {0, 1, 2}}) {
    const Stored all = storesOf(nodes, waits), some = storesOf(nodes, {});
    ASSERT_GT(all.received, 50u);
    if (nodes.size() == 2)
      EXPECT_EQ(some.stores, all.stores - all.received);
    else
      EXPECT_LT(some.stores, all.stores - all.received / 2);
  }
}

/// A slot is given back by the last stage that reads it, whichever that is.
TEST(AcrossNodes, settlesBehindTheFanOut) {
  ModuleShape shape;
  shape.slots = 1;
  shape.edit = [](EditableSchedule &, EditableSchedule &combine) {
    const uint32_t out = combine.find("some"), some = combine.find("out"); // in each other's place
    std::swap(combine.stages[out], combine.stages[some]);
    combine.stages[out].table.releases = 0;
    combine.stages[out].after = {combine.find("in"), combine.find("there")};
    combine.stages[some].table.releases = 1u << 1;
    combine.stages[some].after = {combine.find("in"), out};
  };
  expectRight(shuffleAll({0, 0, 1, 1, 2}, moduleOf(shape), inputsOf(5, 60), 3));
}

/// What comes by other ranks is not known to be there, and is summed in the end.
TEST(AcrossNodes, tokensOfAnotherRailAreSummedInTheEnd) {
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < 4; ++rank)
    inputs.push_back(makeInput(rank, rank % 2 == 0 ? 120 : 3, 7));
  const auto module = moduleOf({});
  onSessions({0, 0, 1, 1}, module, [&](uint32_t rank, Session &session) {
    EXPECT_EQ(shuffle(session, *module, rank, inputs, 1), "") << "rank " << rank;
    const uint64_t settled = session.statistics().settledTokens;
    EXPECT_GT(settled, 0u) << "rank " << rank;
    EXPECT_TRUE(rank % 2 == 1 || settled < 120) << "rank " << rank << ": " << settled;
  });
}

TEST(AcrossNodes, differentBatchesOnOneSession) {
  const auto module = moduleOf({});
  onSessions({0, 0, 1, 1, 1}, module, [&](uint32_t rank, Session &session) {
    for (uint32_t seed = 0; seed < 12; ++seed)
      ASSERT_EQ(shuffle(session, *module, rank, inputsOf(5, seed * 17 % 60, seed), 1), "") << "rank " << rank;
  });
}

TEST(AcrossNodes, whatIsSentArrives) {
  const auto module = moduleOf({});
  std::vector<SessionStatistics> stats(4);
  onSessions({0, 0, 1, 1}, module, [&](uint32_t rank, Session &session) {
    EXPECT_EQ(shuffle(session, *module, rank, inputsOf(4, 64), 1), "");
    stats[rank] = session.statistics();
  });
  SessionStatistics sum;
  for (const SessionStatistics &each : stats) {
    sum.slices += each.slices;
    sum.wireRows += each.wireRows;
    sum.wireBytes += each.wireBytes;
    sum.slicesReceived += each.slicesReceived;
    sum.wholeSlices += each.wholeSlices;
    sum.wireRowsReceived += each.wireRowsReceived;
    sum.wireBytesReceived += each.wireBytesReceived;
  }
  EXPECT_GT(sum.wireRows, 64u);
  EXPECT_EQ(sum.slices, sum.slicesReceived);
  // The transport `local` asks for every other slice; those that come before their turn wait in their slots.
  EXPECT_GT(sum.wholeSlices, 0u);
  EXPECT_LT(sum.wholeSlices, sum.slices);
  EXPECT_EQ(sum.wireRows, sum.wireRowsReceived);
  EXPECT_EQ(sum.wireBytes, sum.wireBytesReceived);
}

/// Slices of the next calls come while the slow rank is still in an earlier one; they wait in their slots.
TEST(AcrossNodes, oneSlowRank) {
  const auto module = moduleOf({});
  // Only rank 3 gets anything, so that the others run ahead.
  std::vector<Input> inputs;
  for (uint32_t rank = 0; rank < 4; ++rank)
    inputs.push_back(makeInput(rank, rank == 0 ? 30 : 0, 11, [](uint32_t expert) { return expert % 4 == 3; }));
  onSessions({0, 0, 1, 1}, module, [&](uint32_t rank, Session &session) {
    const Input &mine = inputs[rank];
    auto plan = session.prepare(**module->only(FARO_ABI_DISPATCH), mine.routing());
    ASSERT_TRUE(plan) << plan.status().message();
    for (int call = 0; call < 6; ++call) {
      if (rank >= 2)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      auto got = session.dispatch(*plan, mine.rows());
      ASSERT_TRUE(got) << "rank " << rank << ": " << got.status().message();
    }
    ASSERT_EQ(shuffle(session, *module, rank, inputs, 1), "");
  });
}

//===------------------------------------------------- edited schedules ---===//

/// A cautious schedule: a slot to send from is free only when the rows have reached their places at the other end.
static ModuleShape givenBackAtTheOtherEnd(uint32_t slots) {
  ModuleShape shape;
  shape.slots = slots;
  shape.edit = [](EditableSchedule &dispatch, EditableSchedule &combine) {
    for (EditableSchedule *schedule : {&dispatch, &combine}) {
      (*schedule)["there"].table.releases = 0;
      (*schedule)["out"].table.releases = 3;
    }
  };
  return shape;
}

TEST(AcrossNodes, aSlotMayBeGivenBackAtTheOtherEnd) {
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf(givenBackAtTheOtherEnd(2)), inputsOf(4, 50), 3));
}

/// With many flows each may have one of these slots, however many there are: it must come back at once.
TEST(AcrossNodes, slotsOfAllFlowsComeBackOneByOneFromTheOtherEnd) {
  expectRight(shuffleAll({0, 1, 2, 3, 4, 5, 6, 7, 8}, moduleOf(givenBackAtTheOtherEnd(8)), inputsOf(9, 150), 2));
}

/// Rows whose heads cannot say how far apart they lie.
TEST(AcrossNodes, rowsOfFourGigabytesAreRefused) {
  faro_abi_program program{};
  program.op = FARO_ABI_DISPATCH;
  program.routes.topk = 1;
  program.row = {FARO_ABI_F32, 0, uint64_t(1) << 30, uint64_t(1) << 32, uint64_t(1) << 32};
  faro_abi_schedule schedule{};
  schedule.name = "send_across";
  const auto shape = SliceShape::of(program, schedule, /*copies=*/false);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.status().code(), FARO_INVALID_ARGUMENT);
  EXPECT_NE(shape.status().message().find("4 GiB"), std::string::npos) << shape.status().message();
}

/// Own rows first, then the wire.
TEST(AcrossNodes, gatherMayWaitForTheOwnNode) {
  ModuleShape shape;
  shape.edit = [](EditableSchedule &dispatch, EditableSchedule &) {
    // Stages stand in order: push moves in front of gather.
    const uint32_t full = dispatch.find("full"), push = dispatch.find("push");
    auto moved = dispatch.stages[push];
    dispatch.stages.erase(dispatch.stages.begin() + push);
    dispatch.stages.insert(dispatch.stages.begin() + full, moved);
    for (auto &stage : dispatch.stages)
      for (uint32_t &after : stage.after)
        after = after == push ? full : after >= full && after < push ? after + 1 : after;
    dispatch["full"].after.push_back(full);
  };
  expectRight(shuffleAll({0, 0, 1, 1}, moduleOf(shape), inputsOf(4, 50), 2));
}

static void expectRefused(const ModuleShape &shape, const std::string &what) {
  for (const std::string &wrong : shuffleAll({0, 1}, moduleOf(shape), inputsOf(2, 10), 1))
    EXPECT_NE(wrong.find(what), std::string::npos) << wrong;
}

TEST(AcrossNodes, aRingThatHoldsNoRowIsNamed) {
  ModuleShape shape;
  shape.slots = 2;
  shape.slotBytes = 64;
  expectRefused(shape, "ring tx has 2 slots of 64 bytes, which together hold less than a row with its places; expected "
                       "at least 256 bytes");
}

//===-------------------------------------------------------- time-outs ---===//

TEST(AcrossNodes, aWaitForARankThatDoesNotComeSaysWhatItWaitsFor) {
  const auto module = moduleOf({});
  std::vector<Input> inputs = inputsOf(2, 60);
  std::atomic<bool> over = false;
  const auto work = [&](uint32_t rank, Session &session) {
    const Input &mine = inputs[rank];
    auto plan = session.prepare(**module->only(FARO_ABI_DISPATCH), mine.routing());
    ASSERT_TRUE(plan) << plan.status().message();
    if (rank == 1) { // stays until rank 0 has given up
      for (int pause = 0; !over && pause < 2000; ++pause)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return;
    }
    auto got = session.dispatch(*plan, mine.rows());
    over = true;
    ASSERT_FALSE(got);
    EXPECT_EQ(got.status().code(), FARO_DEADLINE_EXCEEDED);
    EXPECT_NE(got.status().message().find("rank 1"), std::string::npos) << got.status().message();
    EXPECT_NE(got.status().message().find("there of slice 0"), std::string::npos) << got.status().message();
  };
  onSessions({0, 1}, module, work, std::chrono::milliseconds(500));
}

TEST(AcrossNodes, aRankThatGivesUpEndsTheOthersCalls) {
  const auto module = moduleOf({});
  const std::vector<Input> inputs = inputsOf(4, 60);
  const auto start = std::chrono::steady_clock::now();
  onSessions({0, 0, 1, 1}, module, [&](uint32_t rank, Session &session) {
    const Input &mine = inputs[rank];
    auto plan = session.prepare(**module->only(FARO_ABI_DISPATCH), mine.routing());
    ASSERT_TRUE(plan) << plan.status().message();
    ASSERT_TRUE(session.reserve(*plan));
    // Rank 3 gives a wrong number of rows.
    auto got = session.dispatch(*plan, {mine.tokens.data(), rank == 3 ? 1 : mine.count(), int64_t(RowBytes)});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.status().code(), rank == 3 ? FARO_INVALID_ARGUMENT : FARO_ABORTED) << got.status().message();
  });
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}
