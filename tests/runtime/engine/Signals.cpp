// Flags between ranks: nobody passes before all have arrived, whoever is slow, and a wait that cannot end is ended.
#include "runtime/engine/SignalBoard.h"

#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace faro;

template <typename Work> static void onRanks(uint32_t count, Nanoseconds timeout, Work work) {
  auto ranks = Communicator::createLocal(count, timeout);
  ASSERT_TRUE(ranks) << ranks.status().message();
  std::vector<std::unique_ptr<SignalBoard>> boards(count);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      auto board = SignalBoard::create((*ranks)[rank], 3);
      ASSERT_TRUE(board) << board.status().message();
      boards[rank] = std::move(*board); // it stays until nobody writes to it
      work(rank, *boards[rank]);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(Signals, nobodyPassesBeforeAllHaveArrived) {
  constexpr uint32_t Ranks = 5;
  std::atomic<uint32_t> arrived[200] = {};
  onRanks(Ranks, std::chrono::seconds(30), [&](uint32_t rank, SignalBoard &board) {
    std::mt19937 random(rank);
    for (uint32_t round = 0; round < 200; ++round) {
      if (random() % 8 == 0) // now and then somebody is late, so that the others sleep
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      ++arrived[round];
      // The same flag again and again: a fast rank is an epoch ahead while a slow one still looks.
      board.notify(0, {7, uint8_t(round)});
      ASSERT_TRUE(board.await(0, 7, "test"));
      EXPECT_EQ(arrived[round].load(), Ranks);
      for (uint32_t from = 0; from < Ranks; ++from)
        EXPECT_EQ(board.valueOf(0, from), uint8_t(round));
    }
  });
}

TEST(Signals, countsOfEveryRankArriveAndAreNotOverwrittenByTheNextRound) {
  constexpr uint32_t Ranks = 4;
  onRanks(Ranks, std::chrono::seconds(30), [&](uint32_t rank, SignalBoard &board) {
    for (uint32_t round = 0; round < 100; ++round) {
      board.publishCounts({rank, round, rank * round}, 1);
      ASSERT_TRUE(board.await(SignalBoard::CountsFlag, 1, "test"));
      if (rank == round % Ranks) // the slow reader
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      const auto counts = board.counts(3);
      for (uint32_t from = 0; from < Ranks; ++from) {
        EXPECT_EQ(counts[3 * from], from);
        EXPECT_EQ(counts[3 * from + 1], round);
        EXPECT_EQ(counts[3 * from + 2], from * round);
      }
    }
  });
}

TEST(Signals, ranksInDifferentCallsAreFoundOut) {
  onRanks(2, std::chrono::seconds(30), [&](uint32_t rank, SignalBoard &board) {
    board.notify(1, {uint16_t(10 + rank), 0});
    const Status status = board.await(1, uint16_t(10 + rank), "test");
    EXPECT_EQ(status.code(), FARO_INVALID_ARGUMENT);
    EXPECT_NE(status.message().find("same collective calls"), std::string::npos) << status.message();
  });
}

TEST(Signals, aWaitForARankThatDoesNotComeEndsAndNamesIt) {
  onRanks(3, std::chrono::milliseconds(300), [&](uint32_t rank, SignalBoard &board) {
    if (rank == 1)
      return;
    board.notify(0, {1, 0});
    const Status status = board.await(0, 1, "the test");
    EXPECT_EQ(status.code(), FARO_DEADLINE_EXCEEDED);
    EXPECT_NE(status.message().find("in the test for rank 1"), std::string::npos) << status.message();
  });
}
