// Shuffles between threads of this process, over random shapes, against the reference, bit by bit.
#include "tests/differential/Threads.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace faro;
using namespace faro::differential;

TEST(LocalShuffles, agreeWithTheReferenceOnRandomShapes) {
  for (uint32_t seed = 1; seed <= 60 && !HasFailure(); ++seed)
    runShape(randomShape(seed), 2);
}

TEST(LocalShuffles, largeRowsTakeTheStreamingKernels) {
  Shape shape{.ranks = 2, .topk = 4, .experts = 8, .largestBatch = 200};
  for (uint64_t columns : {7168u, 7167u, 2880u}) {
    shape.columns = columns;
    for (const char *element : {"bf16", "f16", "f32"}) {
      shape.element = element;
      runShape(shape, 1);
    }
  }
}

/// Rows that were others' in the batch before.
TEST(LocalShuffles, largePaddingIsZero) {
  runShape({.ranks = 2, .topk = 4, .experts = 8, .columns = 7168, .align = 32, .largestBatch = 150}, 3);
}

TEST(LocalShuffles, sixtyFourRanksAndTopSixtyFour) {
  runShape({.ranks = 64, .topk = 64, .experts = 64, .columns = 3, .largestBatch = 5}, 1);
}

TEST(LocalShuffles, fewerExpertsThanRanks) { runShape({.ranks = 8, .topk = 2, .experts = 3, .columns = 32}, 2); }

/// Calls in halves: nothing is over before all have posted, a second call is refused while one is under way.
TEST(LocalShuffles, postedCallsAreOverWhenAllHaveCome) {
  auto module = compiled({.ranks = 3, .topk = 1, .experts = 3, .columns = 16});
  ASSERT_TRUE(module);
  std::atomic<bool> lastHasPosted = false;
  std::atomic<int> pastBarrier = 0;
  runRanks(3, 1, std::chrono::seconds(60), [&](uint32_t rank, std::shared_ptr<Communicator> &mine) {
    auto session = Session::create(mine, module);
    ASSERT_TRUE(session) << session.status().message();
    const std::vector<int64_t> idx = {(rank + 1) % 3, (rank + 2) % 3};
    const std::vector<uint16_t> x(32, uint16_t(0x3f80 + rank));
    auto plan = (*session)->prepare(**module->only(FARO_ABI_DISPATCH), {idx.data(), 2});
    ASSERT_TRUE(plan);
    ASSERT_TRUE((*session)->reserve(*plan));
    if (rank == 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      lastHasPosted = true;
    }
    ASSERT_TRUE((*session)->postDispatch(*plan, {x.data(), 2, 32}));
    while (true) {
      auto over = (*session)->test();
      ASSERT_TRUE(over);
      EXPECT_TRUE(!*over || lastHasPosted);
      if (*over)
        break;
      std::this_thread::yield();
    }
    const auto got = (*session)->received(*plan);
    ASSERT_TRUE(got) << got.status().message();
    const Received &received = *got;
    ASSERT_EQ(received.rows.rows, 2);
    for (int row = 0; row < 2; ++row) { // expert e gets a row from each of the two other ranks
      const uint32_t from = row == 0 ? (rank == 0 ? 1 : 0) : (rank == 2 ? 1 : 2);
      uint16_t value;
      std::memcpy(&value, static_cast<const std::byte *>(received.rows.data) + row * received.rows.stride, 2);
      EXPECT_EQ(value, 0x3f80 + from);
    }
    ASSERT_TRUE((*session)->wait()) << "nothing under way";
    ASSERT_TRUE(mine->barrier());
    ++pastBarrier;
    if (rank == 0) {
      // A session that ends with a call under way ends what the others wait for, and they may still be in the barrier.
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (pastBarrier < 3 && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
      ASSERT_EQ(pastBarrier, 3);
      ASSERT_TRUE((*session)->postDispatch(*plan, {x.data(), 2, 32}));
      EXPECT_EQ((*session)->reserve(*plan).code(), FARO_INVALID_ARGUMENT);
    }
  });
}

/// A rank that fails ends everybody's call with its message, at once.
TEST(LocalShuffles, anErrorOnOneRankReachesAll) {
  auto module = compiled({.ranks = 4, .topk = 1, .experts = 4});
  ASSERT_TRUE(module);
  std::vector<Status> status(4);
  const auto start = std::chrono::steady_clock::now();
  runRanks(4, 1, std::chrono::seconds(60), [&](uint32_t rank, std::shared_ptr<Communicator> &mine) {
    auto session = Session::create(mine, module);
    if (!session) { // rank 2 may be so quick that the others learn of it here
      status[rank] = session.status();
      return;
    }
    const int64_t idx[] = {0, rank == 2 ? 4 : 1};
    auto program = module->only(FARO_ABI_DISPATCH);
    auto plan = (*session)->prepare(**program, {idx, 2});
    status[rank] = plan.status();
    EXPECT_FALSE((*session)->prepare(**program, {idx, 1})) << "a broken session goes on";
  });
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(status[2].code(), FARO_INVALID_ARGUMENT);
  for (uint32_t rank : {0u, 1u, 3u}) {
    EXPECT_EQ(status[rank].code(), FARO_ABORTED);
    EXPECT_NE(status[rank].message().find("rank 2, token 1, choice 0: expert 4"), std::string::npos)
        << status[rank].message();
  }
}
