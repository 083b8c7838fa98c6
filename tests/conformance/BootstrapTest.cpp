// Ranks that meet over TCP, here as threads: who is let in, who is missing, who died, who gave up.
#include "runtime/core/LocalBootstrap.h"
#include "runtime/core/TcpBootstrap.h"
#include "tests/conformance/FreePort.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace faro {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Bytes bytesOf(const std::string &text) {
  const auto *data = reinterpret_cast<const std::byte *>(text.data());
  return Bytes(data, data + text.size());
}

class TcpMeeting : public ::testing::Test {
protected:
  CommunicatorOptions optionsOf(uint32_t rank, uint32_t worldSize, Nanoseconds timeout = seconds(20)) const {
    CommunicatorOptions options;
    options.rank = rank;
    options.worldSize = worldSize;
    options.masterPort = port;
    options.jobSecret = "test secret";
    options.timeout = timeout;
    return options;
  }

  using Body = std::function<void(TcpBootstrap &self, uint32_t rank)>;
  /// All ranks meet and run `body`, each in a thread.
  void meet(uint32_t ranks, const Body &body) {
    std::vector<std::thread> threads;
    for (uint32_t rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        auto self = TcpBootstrap::create(optionsOf(rank, ranks));
        ASSERT_TRUE(self) << self.status().message();
        body(**self, rank);
      });
    for (std::thread &thread : threads)
      thread.join();
  }
  /// What each of these gets for an answer.
  std::vector<Status> come(const std::vector<CommunicatorOptions> &all) {
    std::vector<Status> answers(all.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < all.size(); ++i)
      threads.emplace_back([&, i] { answers[i] = TcpBootstrap::create(all[i]).status(); });
    for (std::thread &thread : threads)
      thread.join();
    return answers;
  }
  /// A socket that knows where the job meets, but not what to say.
  FileDescriptor stranger() const {
    const auto address = resolve("127.0.0.1", port);
    for (int tries = 0; tries < 500; ++tries) {
      FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(fd.get(), address->get(), address->size) == 0)
        return fd;
      usleep(5000);
    }
    return FileDescriptor();
  }

  const uint16_t port = test::freePort();
};

/// Until the rank hears that something is wrong, or for five seconds.
Status hear(Bootstrap &self) {
  const auto deadline = Clock::now() + seconds(5);
  Status status;
  while ((status = self.check()) && Clock::now() < deadline)
    usleep(1000);
  return status;
}

void expectStatus(const Status &status, faro_status code, const std::vector<std::string> &words) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string &word : words)
    EXPECT_NE(status.message().find(word), std::string::npos) << "'" << word << "' in: " << status.message();
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

TEST_F(TcpMeeting, AWrongSecretIsRefusedAndDisturbsNobody) {
  auto wrong = optionsOf(1, 2);
  wrong.jobSecret = "another secret";
  std::thread rank0([&] {
    auto self = TcpBootstrap::create(optionsOf(0, 2));
    ASSERT_TRUE(self) << self.status().message();
    (*self)->leave(seconds(10), nullptr);
  });
  expectStatus(come({wrong})[0], FARO_PERMISSION_DENIED, {"rank 1", "FARO_JOB_SECRET"});
  auto self = TcpBootstrap::create(optionsOf(1, 2));
  EXPECT_TRUE(self) << self.status().message();
  if (self)
    (*self)->leave(seconds(10), nullptr);
  rank0.join();
}

TEST_F(TcpMeeting, StrangersDisturbNobody) {
  std::vector<FileDescriptor> silent;
  std::thread rank0([&] {
    auto self = TcpBootstrap::create(optionsOf(0, 2));
    ASSERT_TRUE(self) << self.status().message();
    EXPECT_TRUE((*self)->allgather({}, "with strangers", seconds(20), nullptr));
    (*self)->leave(seconds(10), nullptr);
  });
  for (int i = 0; i < 300; ++i) // more than the hub keeps at a time
    silent.push_back(stranger());
  const FileDescriptor talker = stranger();
  const std::string garbage(100'000, 'G');
  (void)!send(talker.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  (void)stranger(); // comes and goes
  const FileDescriptor almost = stranger();
  (void)!send(almost.get(), HelloMagic, 8, MSG_NOSIGNAL); // the right word, and then nothing
  const FileDescriptor liar = stranger();
  Hello hello{};
  std::memcpy(hello.magic, HelloMagic, 8);
  hello.rank = 1;
  hello.worldSize = 2;
  (void)!send(liar.get(), &hello, sizeof hello, MSG_NOSIGNAL); // whole, but not signed

  const auto start = Clock::now();
  auto self = TcpBootstrap::create(optionsOf(1, 2));
  ASSERT_TRUE(self) << self.status().message();
  EXPECT_LT(Clock::now() - start, seconds(5));
  EXPECT_TRUE((*self)->allgather({}, "with strangers", seconds(20), nullptr));
  (*self)->leave(seconds(10), nullptr);
  rank0.join();
}

TEST_F(TcpMeeting, SomethingElseInRankZerosPlaceIsNotBelieved) {
  for (const bool greets : {false, true}) {
    const auto address = resolve("127.0.0.1", test::freePort());
    auto listener = listenAt(*address);
    ASSERT_TRUE(listener) << listener.status().message();
    std::atomic<bool> stop{false};
    std::thread impostor([&] {
      while (!stop) {
        FileDescriptor fd(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) {
          usleep(1000);
          continue;
        }
        if (!greets) {
          (void)!send(fd.get(), "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and then some\r\n", 54, MSG_NOSIGNAL);
          usleep(1000);
          continue;
        }
        // Knows the protocol, does not know the secret, and says that all is well.
        Greeting greeting{};
        std::memcpy(greeting.magic, GreetingMagic, 8);
        (void)!send(fd.get(), &greeting, sizeof greeting, MSG_NOSIGNAL);
        Hello hello{};
        (void)!recv(fd.get(), &hello, sizeof hello, MSG_WAITALL);
        const Reply reply{FARO_OK, 0, {}};
        (void)!send(fd.get(), &reply, sizeof reply, MSG_NOSIGNAL);
        usleep(100'000);
      }
    });
    auto options = optionsOf(1, 2, seconds(1));
    options.masterPort = ntohs(reinterpret_cast<const sockaddr_in *>(&address->storage)->sin_port);
    const Status status = TcpBootstrap::create(options).status();
    if (greets)
      expectStatus(status, FARO_PERMISSION_DENIED, {"does not know the job's secret"});
    else
      expectStatus(status, FARO_DEADLINE_EXCEEDED, {"another program listens there"});
    stop = true;
    impostor.join();
  }
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

TEST_F(TcpMeeting, AJobThatIsCompleteTurnsLateComersAwayAndGoesOn) {
  meet(2, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 1)
      expectStatus(come({optionsOf(1, 2)})[0], FARO_INVALID_ARGUMENT, {"second process"});
    EXPECT_TRUE(self.allgather({}, "after", seconds(20), nullptr));
    self.leave(seconds(10), nullptr);
  });
}

TEST_F(TcpMeeting, ADeadRankIsReportedToAllWhileRankZeroDoesNothing) {
  std::atomic<int> told{0};
  meet(4, [&](TcpBootstrap &self, uint32_t rank) {
    if (rank == 2)
      return; // its connection closes without a word
    if (rank == 0)
      while (told < 2) // computes, without a call of Faro's
        usleep(1000);
    const auto start = Clock::now();
    expectStatus(hear(self), FARO_PEER_FAILED, {"rank 2 died"});
    EXPECT_LT(Clock::now() - start, seconds(2));
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
    while (checked < 2) // the other one's gather would be the failure
      usleep(1000);
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
    while (!done) // or its end would be the error
      usleep(1000);
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

class UserSecret : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/faro-secret-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root = name;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  std::string root;
};

TEST_F(UserSecret, IsMadeOnceWhoeverComesFirst) {
  const std::string folder = root + "/a/b";
  std::vector<std::string> secrets(16);
  std::vector<std::thread> threads;
  for (std::string &secret : secrets)
    threads.emplace_back([&] {
      const auto made = userSecret(folder);
      ASSERT_TRUE(made) << made.status().message();
      secret = *made;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(secrets[0].size(), 64u);
  for (const std::string &secret : secrets)
    EXPECT_EQ(secret, secrets[0]);
  struct stat info{};
  ASSERT_EQ(stat((folder + "/secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  size_t files = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(folder))
    ++files;
  EXPECT_EQ(files, 1u) << "temporary files were left behind";
}

TEST_F(UserSecret, ThatOthersCanReadIsRefused) {
  ASSERT_TRUE(userSecret(root));
  ASSERT_EQ(chmod((root + "/secret").c_str(), 0644), 0);
  expectStatus(userSecret(root).status(), FARO_PERMISSION_DENIED, {"chmod 600", root});
}

TEST_F(UserSecret, ThatIsTornOrALinkIsRefused) {
  std::ofstream(root + "/secret") << "short";
  ASSERT_EQ(chmod((root + "/secret").c_str(), 0600), 0);
  expectStatus(userSecret(root).status(), FARO_DATA_LOSS, {root, "5 bytes"});
  std::filesystem::remove(root + "/secret");
  std::filesystem::create_symlink("/etc/hostname", root + "/secret");
  expectStatus(userSecret(root).status(), FARO_PERMISSION_DENIED, {root});
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
