// Communicators: over threads, and over UCX between processes.
#include "faro/communicator.h"
#include "tests/conformance/FreePort.h"
#include "tests/conformance/Ranks.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

namespace faro {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

Bytes number(uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Until the rank hears that something is wrong, or for ten seconds.
Status hear(Communicator &self) {
  const auto deadline = Clock::now() + seconds(10);
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

/// Gathers, stores into everybody's memory where that can be, and finds everybody's stores.
void expectConnected(Communicator &self) {
  const auto all = self.allgather(number(self.rank() * 3 + 1), "numbers");
  ASSERT_TRUE(all) << all.status().message();
  for (uint32_t peer = 0; peer < self.size(); ++peer)
    EXPECT_EQ((*all)[peer], number(peer * 3 + 1));

  const faro_transport &transport = self.transport();
  faro_region *region = nullptr;
  ASSERT_EQ(transport.alloc(self.transportContext(), 4096, &region), FARO_OK) << transport.last_error();
  const void *key = nullptr;
  size_t size = 0;
  ASSERT_EQ(transport.key(region, &key, &size), FARO_OK) << transport.last_error();
  const auto *bytes = static_cast<const std::byte *>(key);
  const auto keys = self.allgather(Bytes(bytes, bytes + size), "keys");
  ASSERT_TRUE(keys) << keys.status().message();
  std::vector<faro_remote *> remotes(self.size());
  for (uint32_t peer = 0; peer < self.size(); ++peer) {
    if (peer == self.rank())
      continue;
    ASSERT_EQ(transport.map(self.transportContext(), peer, (*keys)[peer].data(), (*keys)[peer].size(), &remotes[peer]),
              FARO_OK)
        << transport.last_error();
    auto *theirs = static_cast<uint32_t *>(transport.pointer(remotes[peer]));
    ASSERT_NE(theirs, nullptr) << "rank " << self.rank() << " cannot store into rank " << peer;
    theirs[self.rank()] = 1000 + self.rank();
  }
  ASSERT_TRUE(self.barrier());
  const auto *mine = static_cast<const uint32_t *>(transport.base(region));
  for (uint32_t peer = 0; peer < self.size(); ++peer)
    EXPECT_EQ(mine[peer], peer == self.rank() ? 0 : 1000 + peer);
  ASSERT_TRUE(self.barrier());
  for (faro_remote *remote : remotes)
    if (remote)
      transport.unmap(remote);
  transport.release(region);
  EXPECT_TRUE(self.check()) << self.check().message();
}

// Threads.

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
  runLocal(3, [](Communicator &self) {
    ASSERT_TRUE(self.barrier());
    if (self.rank() == 0)
      return;
    const auto deadline = Clock::now() + std::chrono::milliseconds(600); // longer than a suspicion lasts
    while (Clock::now() < deadline) {
      EXPECT_TRUE(self.check()) << self.check().message();
      usleep(5000);
    }
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

// Processes.

CommunicatorOptions optionsOf(uint32_t rank, uint32_t worldSize, uint16_t port) {
  CommunicatorOptions options;
  options.rank = options.localRank = rank;
  options.worldSize = worldSize;
  options.masterPort = port;
  options.jobSecret = "test secret";
  options.timeout = seconds(30);
  return options;
}

void runProcesses(uint32_t ranks, const std::function<void(std::shared_ptr<Communicator>)> &body,
                  const std::vector<uint32_t> &toBeKilled = {}) {
  const uint16_t port = test::freePort();
  test::runRanks(
      test::RankKind::Processes, ranks,
      [&](uint32_t rank) {
        auto self = Communicator::create(optionsOf(rank, ranks, port));
        ASSERT_TRUE(self) << self.status().message();
        body(std::move(*self));
      },
      toBeKilled);
}

TEST(UcxCommunicator, RanksAreConnected) {
  for (uint32_t ranks : {1u, 2u, 3u, 8u})
    runProcesses(ranks, [](std::shared_ptr<Communicator> self) { expectConnected(*self); });
}

TEST(UcxCommunicator, ThirtyTwoRanksMeetInSeconds) {
  const auto start = Clock::now();
  runProcesses(32, [](std::shared_ptr<Communicator> self) { expectConnected(*self); });
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  RecordProperty("seconds", std::to_string(took));
  EXPECT_LT(took, 30) << "on two idle cores it takes about one second";
}

std::vector<std::string> sharedMemoryFiles() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator("/dev/shm", error))
    if (entry.path().filename().string().find("ucx") != std::string::npos)
      names.push_back(entry.path());
  return names;
}

TEST(UcxCommunicator, AKilledRankIsReportedToAllAndLeavesNothingBehind) {
  const auto before = sharedMemoryFiles();
  runProcesses(4,
               [](std::shared_ptr<Communicator> self) {
                 faro_region *region = nullptr;
                 ASSERT_EQ(self->transport().alloc(self->transportContext(), 1 << 20, &region), FARO_OK);
                 ASSERT_TRUE(self->barrier());
                 if (self->rank() == 2)
                   raise(SIGKILL);
                 const auto start = Clock::now();
                 expectStatus(self->rank() == 1 ? self->barrier() : hear(*self), FARO_PEER_FAILED, {"rank 2"});
                 EXPECT_LT(Clock::now() - start, seconds(5));
                 self->transport().release(region);
               },
               {2});
  EXPECT_EQ(sharedMemoryFiles(), before);
}

TEST(UcxCommunicator, RankZerosDeathIsReportedToAll) {
  runProcesses(3,
               [](std::shared_ptr<Communicator> self) {
                 ASSERT_TRUE(self->barrier());
                 if (self->rank() == 0)
                   raise(SIGKILL);
                 expectStatus(hear(*self), FARO_PEER_FAILED, {"rank 0"});
               },
               {0});
}

TEST(UcxCommunicator, AReasonIsHeardThoughItsRankIsGoneAtOnce) {
  for (const uint32_t culprit : {0u, 1u})
    runProcesses(3, [culprit](std::shared_ptr<Communicator> self) {
      ASSERT_TRUE(self->barrier());
      if (self->rank() == culprit) {
        self->abort(Status(FARO_INVALID_ARGUMENT, "token 7 names expert 99 of 64"));
        return;
      }
      const std::string who = "rank " + std::to_string(culprit);
      expectStatus(self->rank() == 2 ? self->barrier() : hear(*self), FARO_ABORTED,
                   {who, "token 7 names expert 99 of 64"});
    });
}

TEST(UcxCommunicator, ARankThatIsDoneFirstIsNoFailure) {
  runProcesses(3, [](std::shared_ptr<Communicator> self) {
    ASSERT_TRUE(self->barrier());
    if (self->rank() == 1)
      return;
    usleep(500'000);
    EXPECT_TRUE(self->check()) << self->check().message();
  });
}

TEST(UcxCommunicator, DifferentTransportsAreAnErrorOfAll) {
  const uint16_t port = test::freePort();
  test::runRanks(test::RankKind::Processes, 2, [&](uint32_t rank) {
    auto options = optionsOf(rank, 2, port);
    options.transport = rank ? "local" : "ucx";
    const auto self = Communicator::create(options);
    ASSERT_FALSE(self);
    EXPECT_NE(self.status().message().find("'local'"), std::string::npos) << self.status().message();
  });
}

TEST(UcxCommunicator, TheLocalTransportSaysThatItDoesNotConnectProcesses) {
  const uint16_t port = test::freePort();
  test::runRanks(test::RankKind::Processes, 2, [&](uint32_t rank) {
    auto options = optionsOf(rank, 2, port);
    options.transport = "local";
    const auto self = Communicator::create(options);
    ASSERT_FALSE(self);
    EXPECT_NE(self.status().message().find("another process"), std::string::npos) << self.status().message();
  });
}

TEST(CommunicatorOptions, ThatMakeNoSenseAreRefused) {
  CommunicatorOptions options;
  options.rank = 2;
  options.worldSize = 2;
  expectStatus(Communicator::create(options).status(), FARO_INVALID_ARGUMENT, {"rank 2"});
  options.rank = 0;
  options.worldSize = 1;
  options.transport = "no_such_thing";
  expectStatus(Communicator::create(options).status(), FARO_NOT_FOUND,
               {"'no_such_thing'", "libfaro_transport_no_such_thing.so", "FARO_PLUGIN_PATH"});
  options.transport = "../../etc";
  expectStatus(Communicator::create(options).status(), FARO_INVALID_ARGUMENT, {"'../../etc'"});
}

} // namespace
} // namespace faro
