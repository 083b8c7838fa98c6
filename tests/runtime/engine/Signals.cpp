// Flags between ranks: nobody passes before all have arrived, whoever is slow, and a wait that cannot end is ended.
#include "runtime/engine/SignalBoard.h"

#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace faro;

template <typename Work> static void onRanks(uint32_t count, Nanoseconds timeout, Work work, uint32_t nodes = 1) {
  auto ranks = Communicator::createLocal(count, timeout, nodes);
  ASSERT_TRUE(ranks) << ranks.status().message();
  std::vector<std::unique_ptr<SignalBoard>> boards(count);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      const Topology &topology = (*ranks)[rank]->topology();
      const auto node = topology.ranksOf(topology.nodeOf(rank));
      auto board = SignalBoard::create((*ranks)[rank], std::vector<uint64_t>(node.size(), 64));
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

TEST(Signals, aNodeDoesNotWaitForAnother) {
  std::atomic<uint32_t> arrived[2] = {};
  onRanks(
      5, std::chrono::seconds(30),
      [&](uint32_t rank, SignalBoard &board) {
        const uint32_t node = rank < 3 ? 0 : 1, size = node == 0 ? 3 : 2;
        // The second node is done before the first has begun.
        const auto start = std::chrono::steady_clock::now();
        while (node == 0 && arrived[1] < 2 * 10) {
          ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
          std::this_thread::yield();
        }
        for (uint32_t round = 1; round <= 10; ++round) {
          board.notify(2, {5, uint8_t(rank)});
          ASSERT_TRUE(board.await(2, 5, "test"));
          for (uint32_t from = node == 0 ? 0 : 3; from < (node == 0 ? 3u : 5u); ++from)
            EXPECT_EQ(board.valueOf(2, from), from);
          ++arrived[node];
        }
        EXPECT_GT(arrived[node], size * 9) << "all ranks of the node had begun the last round";
      },
      2);
}

TEST(Signals, bytesOfAnyLengthAreGathered) {
  onRanks(
      5, std::chrono::seconds(30),
      [&](uint32_t rank, SignalBoard &board) {
        const auto bytesOf = [](uint32_t from, uint32_t round) {
          // Empty, short, just a letter, several letters: each rank another in each round.
          const size_t sizes[] = {0, 1, 4087, 4088, 4089, 20000};
          return Bytes(sizes[(from + round) % 6], std::byte(17 * from + round));
        };
        const uint32_t first = rank < 3 ? 0 : 3, size = rank < 3 ? 3 : 2;
        for (uint32_t round = 0; round < 24; ++round) {
          auto all = board.gather(bytesOf(rank, round), 9, "test");
          ASSERT_TRUE(all) << all.status().message();
          ASSERT_EQ(all->size(), size);
          for (uint32_t local = 0; local < size; ++local)
            EXPECT_EQ((*all)[local], bytesOf(first + local, round));
        }
      },
      2);
}

TEST(Signals, ranksInDifferentCallsAreFoundOut) {
  onRanks(2, std::chrono::seconds(30), [&](uint32_t rank, SignalBoard &board) {
    board.notify(1, {uint16_t(10 + rank), 0});
    const Status status = board.await(1, uint16_t(10 + rank), "test");
    EXPECT_EQ(status.code(), FARO_INVALID_ARGUMENT);
    EXPECT_NE(status.message().find("same collective calls"), std::string::npos) << status.message();
  });
}

TEST(Signals, ranksWithPlansOfDifferentBatchesAreFoundOut) {
  onRanks(2, std::chrono::seconds(30), [&](uint32_t rank, SignalBoard &board) {
    board.about(0x1234567890abcdefull);
    board.notify(1, {7, 0});
    EXPECT_TRUE(board.await(1, 7, "test"));
    board.about(0x1234567890abcdefull + rank);
    board.notify(1, {7, 0});
    const Status status = board.await(1, 7, "test");
    EXPECT_EQ(status.code(), FARO_INVALID_ARGUMENT);
    EXPECT_NE(status.message().find("different batches"), std::string::npos) << status.message();
  });
}

/// A rank that leaves in peace is an error for those who wait for it, at once; what it has said before still counts.
TEST(Signals, aRankThatLeavesIsNotWaitedFor) {
  auto ranks = Communicator::createLocal(3, std::chrono::seconds(30));
  ASSERT_TRUE(ranks) << ranks.status().message();
  std::vector<std::thread> threads;
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t rank = 0; rank < 3; ++rank)
    threads.emplace_back([&, rank] {
      std::shared_ptr<Communicator> mine = std::move((*ranks)[rank]);
      auto board = SignalBoard::create(mine, {0, 0, 0});
      ASSERT_TRUE(board) << board.status().message();
      (*board)->notify(0, {1, 0});
      if (rank == 1)
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      EXPECT_TRUE((*board)->await(0, 1, "the first round"));
      (*board)->notify(0, {1, 0});
      const Status status = (*board)->await(0, 1, "the second round");
      EXPECT_EQ(status.code(), FARO_PEER_FAILED);
      EXPECT_NE(status.message().find("rank 1 left the job"), std::string::npos) << status.message();
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
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
