// Counts between nodes: everybody learns everybody's, whatever the sizes of the nodes and whoever is slow, with as few
// messages as there are other nodes.
#include "runtime/engine/CountsExchange.h"

#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <thread>

using namespace faro;

namespace {

constexpr uint32_t Experts = 6;

uint32_t itemsOf(uint32_t rank, uint32_t expert, uint32_t round) { return rank * 1000 + expert * 10 + round; }
uint32_t rowsOf(uint32_t rank, uint32_t node, uint32_t round) { return rank * 7 + node * 3 + round; }

/// A rank with its channel, as a session has it.
class Rank final : public Receiver {
public:
  explicit Rank(std::shared_ptr<Communicator> c) : communicator(std::move(c)) {}
  ~Rank() override {
    if (exchange)
      communicator->close(channel);
  }

  Status connect() {
    auto opened = communicator->open(*this);
    if (!opened)
      return opened.status();
    channel = *opened;
    auto made = SignalBoard::create(communicator, CountsExchange::boardBytes(*communicator, Experts));
    if (!made)
      return made.status();
    board = std::move(*made);
    exchange.emplace(*communicator, *board, Experts, [this](uint32_t to, std::span<const std::byte> bytes) {
      ++messages;
      longest = std::max(longest, bytes.size());
      return communicator->send(channel, to, 1, bytes);
    });
    return communicator->barrier();
  }

  Expected<BatchCounts> round(uint32_t number, uint16_t activity = 3) {
    const uint32_t me = communicator->rank(), nodes = communicator->topology().nodes();
    std::vector<uint32_t> items, rows;
    for (uint32_t e = 0; e < Experts; ++e)
      items.push_back(itemsOf(me, e, number));
    for (uint32_t n = 0; n < nodes; ++n)
      rows.push_back(rowsOf(me, n, number));
    return exchange->exchange({activity, me + 100ull * number, items, rows}, "the test");
  }

  void message(uint32_t from, uint32_t, std::span<const std::byte> bytes) override { exchange->received(from, bytes); }
  faro_place place(uint32_t, uint64_t, size_t, size_t) override { return {}; }
  void arrived(uint32_t, uint64_t, size_t) override {}
  void sent(uint64_t) override {}

  std::shared_ptr<Communicator> communicator;
  uint16_t channel = 0;
  std::unique_ptr<SignalBoard> board;
  std::optional<CountsExchange> exchange;
  uint32_t messages = 0;
  size_t longest = 0;
};

template <typename Work> void onRanks(uint32_t count, uint32_t nodes, Nanoseconds timeout, Work work) {
  auto ranks = Communicator::createLocal(count, timeout, nodes);
  ASSERT_TRUE(ranks) << ranks.status().message();
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      Rank mine(std::move((*ranks)[rank]));
      const Status connected = mine.connect();
      ASSERT_TRUE(connected) << connected.message();
      work(mine);
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace

TEST(Counts, everybodyLearnsEverybodysOnNodesOfAnySize) {
  for (const auto &[ranks, nodes] : {std::pair{1u, 1u}, {4u, 1u}, {2u, 2u}, {4u, 2u}, {5u, 2u}, {7u, 3u}, {5u, 4u}}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks on " << nodes << " nodes");
    onRanks(ranks, nodes, std::chrono::seconds(30), [&](Rank &rank) {
      std::mt19937 random(rank.communicator->rank());
      for (uint32_t round = 0; round < 50; ++round) {
        if (random() % 8 == 0) // somebody is late, so that others are an exchange ahead
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
        auto all = rank.round(round);
        ASSERT_TRUE(all) << all.status().message();
        for (uint32_t from = 0; from < ranks; ++from) {
          for (uint32_t e = 0; e < Experts; ++e)
            ASSERT_EQ(all->items[from * Experts + e], itemsOf(from, e, round));
          for (uint32_t n = 0; n < nodes; ++n)
            ASSERT_EQ(all->rows.of(from, n), rowsOf(from, n, round));
          ASSERT_EQ(all->hashes[from], from + 100ull * round);
        }
      }
      EXPECT_EQ(rank.messages, 50 * (nodes - 1));
      EXPECT_LE(rank.longest, 64 + (Experts + nodes) * sizeof(uint32_t));
    });
  }
}

TEST(Counts, ranksOfOtherNodesThatDoNotComeAreNamed) {
  onRanks(5, 2, std::chrono::milliseconds(400), [&](Rank &rank) {
    if (rank.communicator->rank() == 4) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1000));
      return;
    }
    const Status status = rank.round(0).status();
    EXPECT_EQ(status.code(), FARO_DEADLINE_EXCEEDED) << status.message();
    EXPECT_NE(status.message().find("in the test for rank 4"), std::string::npos) << status.message();
  });
}

TEST(Counts, ranksOfOtherNodesInDifferentCallsAreFoundOut) {
  onRanks(4, 2, std::chrono::seconds(30), [&](Rank &rank) {
    const Status status = rank.round(0, rank.communicator->rank() < 2 ? 1 : 2).status();
    EXPECT_EQ(status.code(), FARO_INVALID_ARGUMENT) << status.message();
    EXPECT_NE(status.message().find("same collective calls"), std::string::npos) << status.message();
  });
}
