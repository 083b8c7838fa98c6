// Ranks that meet over TCP: who is missing, who comes twice, late, or to the wrong place.
#include "tests/conformance/TcpMeeting.h"

#include <thread>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(TcpMeeting, AMissingRankIsNamedToAllThatCame) {
  const auto timeout = seconds(1);
  const auto answers = come({optionsOf(0, 4, timeout), optionsOf(1, 4, timeout), optionsOf(3, 4, timeout)});
  for (const Status &answer : answers)
    expectStatus(answer, FARO_DEADLINE_EXCEEDED,
                 {"rank 2 of 4 did not come to 127.0.0.1:" + std::to_string(port), "within"});
}

TEST_F(TcpMeeting, AMissingRankZeroIsNamed) {
  const auto start = Clock::now();
  const auto answers = come({optionsOf(1, 2, seconds(1))});
  expectStatus(answers[0], FARO_DEADLINE_EXCEEDED, {"rank 0 of 2 did not come", "within 1 s", "refused"});
  EXPECT_LT(Clock::now() - start, seconds(5));
}

TEST_F(TcpMeeting, TwoProcessesWithOneRankAreAnErrorOfAll) {
  const auto answers = come({optionsOf(0, 3), optionsOf(1, 3), optionsOf(1, 3)});
  for (const Status &answer : answers)
    expectStatus(answer, FARO_INVALID_ARGUMENT, {"a second process came to", "as rank 1 of 3"});
}

TEST_F(TcpMeeting, AnotherWorldSizeIsAnErrorOfAll) {
  const auto answers = come({optionsOf(0, 3), optionsOf(1, 3), optionsOf(2, 4)});
  for (const Status &answer : answers)
    expectStatus(answer, FARO_INVALID_ARGUMENT, {"rank 2", "world size of 4", "rank 0 has 3"});
}

TEST_F(TcpMeeting, ARankThatComesAfterTheFailureHearsOfItToo) {
  std::vector<Status> first;
  std::thread early([&] { first = come({optionsOf(0, 3), optionsOf(2, 4)}); });
  usleep(300'000);
  const auto start = Clock::now();
  expectStatus(come({optionsOf(1, 3)})[0], FARO_INVALID_ARGUMENT, {"rank 2", "world size of 4"});
  EXPECT_LT(Clock::now() - start, seconds(5));
  early.join();
}

/// A process that makes one communicator after another knows one port only.
TEST_F(TcpMeeting, TheSameRanksMeetAgainAtTheSamePortWhileTheyAreTogether) {
  meet(3, [&](TcpBootstrap &first, uint32_t rank) {
    auto second = TcpBootstrap::create(optionsOf(rank, 3));
    ASSERT_TRUE(second) << second.status().message();
    EXPECT_NE((*second)->job(), first.job());
    for (Bootstrap *each : {static_cast<Bootstrap *>(&first), static_cast<Bootstrap *>(second->get())}) {
      EXPECT_TRUE(each->allgather({}, "after", seconds(20), nullptr));
      each->leave(seconds(10), nullptr);
    }
  });
}

TEST_F(TcpMeeting, TheSameRanksMeetAgainOnceTheirJobHasFailed) {
  meet(2, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 1)
      self.abort(Status(FARO_INVALID_ARGUMENT, "no more of this"));
    EXPECT_FALSE(hear(self));
    auto next = TcpBootstrap::create(optionsOf(rank, 2));
    ASSERT_TRUE(next) << next.status().message();
    (*next)->leave(seconds(10), nullptr);
  });
}

TEST_F(TcpMeeting, WhoComesToACompleteJobFindsNobodyAndTheJobGoesOn) {
  meet(2, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 1)
      expectStatus(come({optionsOf(1, 2, milliseconds(300))})[0], FARO_DEADLINE_EXCEEDED, {"rank 0 of 2 did not come"});
    EXPECT_TRUE(self.allgather({}, "after", seconds(20), nullptr));
    self.leave(seconds(10), nullptr);
  });
}

TEST_F(TcpMeeting, ATakenPortIsAnErrorOfRankZero) {
  const auto address = resolve("127.0.0.1", port);
  const auto other = listenAt(*address);
  ASSERT_TRUE(other);
  expectStatus(come({optionsOf(0, 2, milliseconds(300))})[0], FARO_UNAVAILABLE, {"127.0.0.1:", "MASTER_PORT"});
}

TEST_F(TcpMeeting, OutsideOfLoopbackASecretIsNeeded) {
  auto options = optionsOf(0, 2, seconds(1));
  options.masterAddress = "192.0.2.1";
  options.jobSecret.clear();
  expectStatus(come({options})[0], FARO_INVALID_ARGUMENT, {"192.0.2.1", "FARO_JOB_SECRET"});
}

TEST_F(TcpMeeting, AnAddressThatIsNoneIsRefused) {
  auto options = optionsOf(1, 2, seconds(1));
  options.masterAddress = "no such host.invalid";
  expectStatus(come({options})[0], FARO_NOT_FOUND, {"no such host.invalid"});
  options.masterAddress = "127.0.0.1";
  options.masterPort = 0;
  expectStatus(come({options})[0], FARO_INVALID_ARGUMENT, {"MASTER_PORT"});
}

TEST(NamesOfRanks, AreReadable) {
  EXPECT_EQ(nameRanks({3}), "rank 3");
  EXPECT_EQ(nameRanks({3, 5}), "ranks 3 and 5");
  EXPECT_EQ(nameRanks({1, 2, 3}), "ranks 1, 2 and 3");
  EXPECT_EQ(nameRanks({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), "ranks 0, 1, 2, 3, 4, 5, 6 and 3 others");
  EXPECT_EQ(describe(seconds(60)), "60 s");
  EXPECT_EQ(describe(milliseconds(1999)), "2 s");
  EXPECT_EQ(describe(milliseconds(250)), "250 ms");
}

} // namespace
} // namespace faro
