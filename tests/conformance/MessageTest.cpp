// Messages, and sleeping until there is one.
#include "tests/conformance/Pattern.h"
#include "tests/conformance/Suite.h"

#include <algorithm>
#include <thread>
#include <unistd.h>
#include <utility>

namespace faro::test {
namespace {

using Clock = std::chrono::steady_clock;

/// From nothing to a megabyte, small after large: what eager and rendezvous protocols would reorder.
const std::vector<size_t> Sizes = {0,       1,    1 << 20, 8,  14336, 65536,  0, 300000,  2, 1023, 1 << 20, 40000,
                                   1 << 13, 8191, 1 << 19, 16, 5,     262144, 7, 1 << 17, 3, 100};

/// The tag of a sender's last message.
constexpr uint32_t Done = 999;

TEST_P(Messages, OfAllSizesArriveWholeAndInOrderFromSeveralSendersAtOnce) {
  run(4, [](Rank &rank) {
    for (uint32_t n = 0; n < Sizes.size(); ++n)
      for (uint32_t step = 1; step < rank.size; ++step) {
        const uint32_t peer = (rank.rank + step) % rank.size;
        std::string text = pattern(rank.rank, peer, n, Sizes[n]);
        ASSERT_FARO_OK(rank, rank->send(rank.context, peer, n, text.data(), text.size()));
        text.assign(text.size(), '!'); // send took a copy
      }
    const size_t expected = Sizes.size() * (rank.size - 1);
    const auto numbered = [&] {
      return size_t(
          std::count_if(rank.inbox.begin(), rank.inbox.end(), [](const Received &m) { return m.tag != Done; }));
    };
    EXPECT_TRUE(rank.until([&] { return numbered() == expected; })) << numbered() << " of " << expected;
    std::vector<uint32_t> next(rank.size);
    for (const Received &message : rank.inbox) {
      ASSERT_LT(message.rank, rank.size);
      if (message.tag == Done) {
        EXPECT_EQ(next[message.rank], Sizes.size()) << "the last message overtook others";
        continue;
      }
      ASSERT_EQ(message.tag, next[message.rank]) << "order of messages from rank " << message.rank;
      EXPECT_TRUE(message.bytes == pattern(message.rank, rank.rank, message.tag, Sizes[message.tag]))
          << "message " << message.tag << " from rank " << message.rank << ", " << message.bytes.size() << " bytes";
      ++next[message.rank];
    }
    // A long message needs its sender's progress until it is there.
    for (uint32_t peer = 0; peer < rank.size; ++peer)
      if (peer != rank.rank)
        EXPECT_FARO_OK(rank, rank->send(rank.context, peer, Done, "done", 4));
    EXPECT_TRUE(rank.until([&] { return rank.inbox.size() == expected + rank.size - 1; }));
    rank.barrier();
  });
}

/// Answers from within the handler, which is allowed to send.
struct Echo {
  const faro_transport *table;
  faro_transport_context *context;
  uint32_t rounds = 0;
};

TEST_P(Messages, AHandlerMaySend) {
  constexpr uint32_t Rounds = 200;
  run(2, [](Rank &rank) {
    Echo echo{rank.table, nullptr, 0};
    faro_transport_config config{};
    config.struct_size = sizeof config;
    config.rank = rank.rank;
    config.world_size = 2;
    const std::string job = "echo-" + rank.board.exchange(rank.rank, std::to_string(getpid())).at(0);
    config.job = job.c_str();
    config.loopback_only = 1;
    config.user = &echo;
    config.on_message = [](void *user, uint32_t from, uint32_t tag, const void *data, size_t size) {
      auto &echo = *static_cast<Echo *>(user);
      ++echo.rounds;
      if (tag < Rounds) {
        EXPECT_EQ(echo.table->send(echo.context, from, tag + 1, data, size), FARO_OK) << echo.table->last_error();
      }
    };
    ASSERT_FARO_OK(rank, rank->open(&config, &echo.context));
    const void *address = nullptr;
    size_t size = 0;
    ASSERT_FARO_OK(rank, rank->address(echo.context, &address, &size));
    const auto all = rank.board.exchange(rank.rank, std::string(static_cast<const char *>(address), size));
    ASSERT_EQ(all.size(), 2u);
    ASSERT_FARO_OK(rank,
                   rank->connect(echo.context, 1 - rank.rank, all[1 - rank.rank].data(), all[1 - rank.rank].size()));
    if (rank.rank == 0)
      ASSERT_FARO_OK(rank, rank->send(echo.context, 1, 1, "ball", 4));
    // Whoever is done goes on until the other is: its last ball may need some progress of this side, too.
    const auto deadline = Clock::now() + std::chrono::seconds(20);
    bool told = false;
    while ((rank.inbox.empty() || !told) && Clock::now() < deadline) {
      if (!rank->progress(echo.context) && !rank->progress(rank.context))
        usleep(10);
      if (echo.rounds == Rounds / 2 && !std::exchange(told, true))
        EXPECT_FARO_OK(rank, rank->send(rank.context, 1 - rank.rank, 0, "done", 4));
    }
    EXPECT_EQ(echo.rounds, Rounds / 2);
    rank.barrier();
    rank->close(echo.context, Second);
  });
}

TEST_P(Messages, ToARankThatDoesNotExistOrToOneselfAreRefused) {
  run(2, [](Rank &rank) {
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->send(rank.context, 2, 0, "x", 1));
    EXPECT_FARO_REFUSED(rank, FARO_INVALID_ARGUMENT, rank->send(rank.context, rank.rank, 0, "x", 1));
    rank.barrier();
  });
}

double millisecondsOf(const std::function<void()> &what) {
  const auto start = Clock::now();
  what();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Until nothing has happened for a while: connections being made are events, too.
void settle(Rank &rank) {
  for (int quiet = 0; quiet < 5;)
    quiet = millisecondsOf([&] {
              rank->progress(rank.context);
              EXPECT_FARO_OK(rank, rank->sleep(rank.context, Second / 100));
            }) > 9
                ? quiet + 1
                : 0;
}

TEST_P(Sleeping, LastsAsLongAsAskedWhenNothingHappens) {
  run(2, [](Rank &rank) {
    rank.barrier();
    settle(rank);
    const double slept = millisecondsOf([&] { EXPECT_FARO_OK(rank, rank->sleep(rank.context, Second / 5)); });
    EXPECT_GE(slept, 195);
    EXPECT_LT(slept, 5000);
    EXPECT_LT(millisecondsOf([&] { EXPECT_FARO_OK(rank, rank->sleep(rank.context, 0)); }), 1000);
    rank.barrier();
  });
}

TEST_P(Sleeping, EndsWhenAMessageComes) {
  if (!(capabilities() & FARO_CAN_MESSAGE))
    GTEST_SKIP() << "needs messages";
  run(2, [](Rank &rank) {
    rank.barrier();
    settle(rank);
    rank.barrier();
    if (rank.rank == 0) {
      usleep(200'000);
      EXPECT_FARO_OK(rank, rank->send(rank.context, 1, 5, "up", 2));
      rank.until([] { return false; }, 0.5);
    } else {
      const double slept = millisecondsOf([&] {
        while (rank.inbox.empty()) {
          EXPECT_FARO_OK(rank, rank->sleep(rank.context, 10 * Second));
          rank->progress(rank.context);
        }
      });
      EXPECT_GE(slept, 100);
      EXPECT_LT(slept, 5000) << "the message did not end the sleep";
    }
    rank.barrier();
  });
}

TEST_P(Sleeping, EndsWhenWokenByAnotherThreadNowOrBefore) {
  run(2, [](Rank &rank) {
    rank.barrier();
    settle(rank);
    rank->wake(rank.context); // before: the next sleep does not last
    EXPECT_LT(millisecondsOf([&] { EXPECT_FARO_OK(rank, rank->sleep(rank.context, 10 * Second)); }), 5000);
    const double second = millisecondsOf([&] { EXPECT_FARO_OK(rank, rank->sleep(rank.context, Second / 10)); });
    EXPECT_GE(second, 95) << "one wake ended two sleeps";

    std::thread waker([&] {
      usleep(100'000);
      rank->wake(rank.context);
    });
    const double slept = millisecondsOf([&] { EXPECT_FARO_OK(rank, rank->sleep(rank.context, 10 * Second)); });
    waker.join();
    EXPECT_GE(slept, 50);
    EXPECT_LT(slept, 5000);
    rank.barrier();
  });
}

FARO_CONFORMANCE(Messages);
FARO_CONFORMANCE(Sleeping);

} // namespace
} // namespace faro::test
