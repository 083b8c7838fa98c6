// Communicators whose ranks are threads.
#include "tests/conformance/Communicators.h"

#include <latch>
#include <thread>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::seconds;

using LocalBody = std::function<void(Communicator &self)>;

void runLocal(uint32_t ranks, const LocalBody &body, Nanoseconds timeout = seconds(20)) {
  auto all = Communicator::createLocal(ranks, timeout);
  ASSERT_TRUE(all) << all.status().message();
  ASSERT_EQ(all->size(), ranks);
  std::vector<std::thread> threads;
  for (auto &self : *all)
    threads.emplace_back([&body, self = std::move(self)] { body(*self); });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(LocalCommunicator, TimeOutsThatNoClockHoldsAreRefused) {
  for (const Nanoseconds timeout : {Nanoseconds::zero(), Nanoseconds::max()}) {
    expectStatus(Communicator::createLocal(1, timeout).status(), FARO_INVALID_ARGUMENT, {"time-out", "1e+06"});
    CommunicatorOptions options;
    options.timeout = timeout;
    expectStatus(Communicator::create(options).status(), FARO_INVALID_ARGUMENT, {"time-out", "1e+06"});
  }
  EXPECT_TRUE(Communicator::createLocal(1, LongestTimeout));
}

TEST(LocalCommunicator, RanksAreConnected) {
  for (uint32_t ranks : {1u, 2u, 7u, 64u})
    runLocal(ranks, expectConnected);
}

TEST(LocalCommunicator, AMissingRankIsNamed) {
  runLocal(
      4,
      [](Communicator &self) {
        if (self.rank() == 2)
          return expectStatus(hear(self), FARO_DEADLINE_EXCEEDED, {"rank 2 of 4 did not come to 'barrier'"});
        expectStatus(self.barrier(), FARO_DEADLINE_EXCEEDED, {"rank 2 of 4 did not come to 'barrier' within 300 ms"});
      },
      std::chrono::milliseconds(300));
}

TEST(LocalCommunicator, WaitsEndBeforeTheJobDoes) {
  runLocal(2, [](Communicator &self) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    self.endBy(end);
    EXPECT_LE(self.timeout(), std::chrono::milliseconds(1600));
    if (self.rank() == 1)
      return std::this_thread::sleep_until(end);
    expectStatus(self.barrier(), FARO_DEADLINE_EXCEEDED, {"rank 1 of 2 did not come to 'barrier'"});
    EXPECT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_until(end);
    EXPECT_EQ(self.timeout(), std::chrono::seconds(1));
  });
}

TEST(LocalCommunicator, AnAbortReachesAllWithItsReason) {
  runLocal(4, [](Communicator &self) {
    if (self.rank() == 3)
      return self.abort(Status(FARO_INVALID_ARGUMENT, "a bad batch"));
    expectStatus(self.rank() ? self.barrier() : hear(self), FARO_ABORTED, {"rank 3", "a bad batch"});
  });
}

TEST(LocalCommunicator, CallsInDifferentOrderAreAnErrorOfAll) {
  runLocal(2, [](Communicator &self) {
    const auto all = self.allgather({}, self.rank() ? "one" : "other");
    ASSERT_FALSE(all);
    expectStatus(all.status(), FARO_INVALID_ARGUMENT, {"'one'", "'other'"});
  });
}

TEST(LocalCommunicator, ARankThatIsDoneIsNoFailureButAGatherWithoutItIs) {
  std::latch looked(2); // the first to gather ends the job: nobody may still be looking whether it is whole
  runLocal(3, [&looked](Communicator &self) {
    ASSERT_TRUE(self.barrier());
    if (self.rank() == 0)
      return;
    const auto deadline = Clock::now() + std::chrono::milliseconds(600); // longer than a suspicion lasts
    while (Clock::now() < deadline) {
      EXPECT_TRUE(self.check()) << self.check().message();
      usleep(5000);
    }
    looked.arrive_and_wait();
    expectStatus(self.barrier(), FARO_PEER_FAILED, {"rank 0 has left"});
  });
}

TEST(LocalCommunicator, OneThreadMayDropAllRanksAtOnce) {
  const auto start = Clock::now();
  {
    EXPECT_TRUE(Communicator::createLocal(8, seconds(20)));
  }
  EXPECT_LT(Clock::now() - start, seconds(5));
}

TEST(LocalCommunicator, NoRanksAndNoTimeAreRefused) {
  expectStatus(Communicator::createLocal(0, seconds(1)).status(), FARO_INVALID_ARGUMENT, {});
  expectStatus(Communicator::createLocal(2, seconds(0)).status(), FARO_INVALID_ARGUMENT, {});
}

} // namespace
} // namespace faro
