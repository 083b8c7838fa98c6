// Ranks that have met over TCP: what they gather, who died, who gave up, who left.
#include "tests/conformance/TcpMeeting.h"

#include <atomic>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

Bytes bytesOf(const std::string &text) {
  const auto *data = reinterpret_cast<const std::byte *>(text.data());
  return Bytes(data, data + text.size());
}

TEST_F(TcpMeeting, EverybodysBytesReachEverybody) {
  for (uint32_t ranks : {2u, 3u, 8u}) {
    std::vector<std::string> jobs(ranks);
    meet(ranks, [&](TcpBootstrap &self, uint32_t rank) {
      jobs[rank] = self.job();
      for (uint32_t round = 0; round < 20; ++round) {
        // Of different lengths, nothing among them.
        const std::string mine((rank * 37 + round) % 5 * 1000, char('a' + rank));
        const auto all = self.allgather(bytesOf(mine), "round", seconds(20), nullptr);
        ASSERT_TRUE(all) << all.status().message();
        for (uint32_t peer = 0; peer < ranks; ++peer)
          EXPECT_EQ((*all)[peer], bytesOf(std::string((peer * 37 + round) % 5 * 1000, char('a' + peer))));
      }
      self.leave(seconds(10), nullptr);
    });
    EXPECT_GT(jobs[0].size(), 16u);
    for (const std::string &job : jobs)
      EXPECT_EQ(job, jobs[0]);
  }
}

TEST_F(TcpMeeting, LargePartsAreCarriedWhole) {
  meet(3, [](TcpBootstrap &self, uint32_t rank) {
    const Bytes mine(size_t(5'000'000) + rank, std::byte(rank + 1));
    const auto all = self.allgather(mine, "large", seconds(20), nullptr);
    ASSERT_TRUE(all) << all.status().message();
    for (uint32_t peer = 0; peer < 3; ++peer)
      EXPECT_TRUE((*all)[peer] == Bytes(size_t(5'000'000) + peer, std::byte(peer + 1)));
    self.leave(seconds(10), nullptr);
  });
}

TEST_F(TcpMeeting, ARankMissingFromAGatherIsNamedWithTheCall) {
  meet(3, [](TcpBootstrap &self, uint32_t rank) {
    if (rank == 2) {
      expectStatus(hear(self), FARO_DEADLINE_EXCEEDED, {"rank 2 of 3 did not come to 'counts'"});
      return;
    }
    const auto all = self.allgather({}, "counts", milliseconds(500), nullptr);
    ASSERT_FALSE(all);
    expectStatus(all.status(), FARO_DEADLINE_EXCEEDED, {"rank 2 of 3 did not come to 'counts' within 500 ms"});
  });
}

TEST_F(TcpMeeting, CallsInDifferentOrderAreAnErrorOfAll) {
  meet(2, [](TcpBootstrap &self, uint32_t rank) {
    const auto all = self.allgather({}, rank ? "dispatch" : "combine", seconds(20), nullptr);
    ASSERT_FALSE(all);
    expectStatus(all.status(), FARO_INVALID_ARGUMENT, {"'dispatch'", "'combine'", "rank 1", "rank 0"});
  });
}

TEST_F(TcpMeeting, ADeadRankIsReportedToAllWhileRankZeroDoesNothing) {
  std::atomic<int> told{0};
  meet(4, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 2)
      return; // its connection closes without a word
    if (rank == 0)
      EXPECT_TRUE(eventually([&] { return told >= 2; })); // computes, without a call of Faro's
    const auto start = Clock::now();
    expectStatus(hear(self), FARO_PEER_FAILED, {"rank 2 died"});
    EXPECT_LT(Clock::now() - start, seconds(5));
    ++told;
  });
}

TEST_F(TcpMeeting, ADeathEndsAGatherLongBeforeItsTime) {
  meet(3, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 1)
      return;
    const auto start = Clock::now();
    const auto all = self.allgather({}, "never", seconds(60), nullptr);
    ASSERT_FALSE(all);
    expectStatus(all.status(), FARO_PEER_FAILED, {"rank 1 died"});
    EXPECT_LT(Clock::now() - start, seconds(5));
  });
}

TEST_F(TcpMeeting, RankZerosDeathIsReported) {
  meet(3, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 0)
      return;
    expectStatus(hear(self), FARO_PEER_FAILED, {"rank 0 died"});
  });
}

TEST_F(TcpMeeting, AnAbortReachesAllWithItsReason) {
  for (const uint32_t culprit : {0u, 2u})
    meet(4, [&](TcpBootstrap &self, uint32_t rank) {
      if (rank == culprit) {
        self.abort(Status(FARO_INVALID_ARGUMENT, "token 7 names expert 99 of 64"));
        return; // and ends at once
      }
      const std::string who = "rank " + std::to_string(culprit);
      if (rank == 1) {
        const auto all = self.allgather({}, "gather", seconds(60), nullptr);
        ASSERT_FALSE(all);
        expectStatus(all.status(), FARO_ABORTED, {who, "token 7 names expert 99 of 64"});
        return;
      }
      expectStatus(hear(self), FARO_ABORTED, {who, "token 7 names expert 99 of 64"});
      EXPECT_EQ(self.check().code(), FARO_ABORTED) << "it is not forgotten";
    });
}

TEST_F(TcpMeeting, AGatherOfMoreThanFitsIsAnErrorOfAllAtOnce) {
  const auto start = Clock::now();
  meet(3, [&](TcpBootstrap &self, uint32_t rank) {
    const Bytes mine(rank == 1 ? MaxFrameBytes / 2 + 1 : 1);
    const auto all = self.allgather(mine, "much", seconds(60), nullptr);
    ASSERT_FALSE(all);
    expectStatus(all.status(), rank == 1 ? FARO_INVALID_ARGUMENT : FARO_ABORTED, {"rank 1", "'much'", "at most"});
  });
  EXPECT_LT(Clock::now() - start, seconds(20));
}

TEST_F(TcpMeeting, LeavingIsNoFailureButAGatherWithoutThatRankIs) {
  std::atomic<int> checked{0};
  meet(3, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 2) {
      self.leave(milliseconds(1), nullptr);
      return;
    }
    const auto deadline = Clock::now() + seconds(5);
    while (!self.hasLeft(2) && Clock::now() < deadline) {
      EXPECT_TRUE(self.check());
      usleep(1000);
    }
    EXPECT_TRUE(self.hasLeft(2));
    usleep(50'000); // its connection closes meanwhile
    EXPECT_TRUE(self.check()) << self.check().message();
    ++checked;
    EXPECT_TRUE(eventually([&] { return checked >= 2; })); // the other one's gather would be the failure
    const auto all = self.allgather({}, "without", seconds(20), nullptr);
    ASSERT_FALSE(all);
    expectStatus(all.status(), FARO_PEER_FAILED, {"rank 2 left the job", "'without'"});
  });
}

TEST_F(TcpMeeting, AnErrorOfIdleEndsTheWait) {
  std::atomic<bool> done{false};
  meet(2, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 0) {
      const auto all = self.allgather({}, "alone", seconds(60), [] { return Status(FARO_UNAVAILABLE, "no more"); });
      ASSERT_FALSE(all);
      expectStatus(all.status(), FARO_UNAVAILABLE, {"no more"});
      done = true;
    }
    EXPECT_TRUE(eventually([&] { return done.load(); })); // or its end would be the error
  });
}

} // namespace
} // namespace faro
