// Communicators over UCX, whose ranks are processes.
#include "runtime/core/SymmetricMemory.h"
#include "tests/conformance/Communicators.h"
#include "tests/conformance/FreePort.h"
#include "tests/conformance/Ranks.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::seconds;

void runProcesses(uint32_t ranks, const std::function<void(std::shared_ptr<Communicator>)> &body,
                  const std::vector<uint32_t> &toBeKilled = {}) {
  const uint16_t port = freePort();
  runRanks(
      RankKind::Processes, ranks,
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

/// Hundreds of ranks' probes would be more than the loopback device takes.
TEST(UcxCommunicator, RanksOfANodeDoNotProbeEachOther) {
  runProcesses(3, [](std::shared_ptr<Communicator> self) {
    uint32_t connections = 0, probing = 0;
    for (int fd = 0; fd < 1024; ++fd) {
      sockaddr_storage peer{};
      socklen_t size = sizeof peer, length = sizeof(int);
      int probes = 0;
      if (getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) != 0 || peer.ss_family != AF_INET)
        continue;
      ASSERT_EQ(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &probes, &length), 0);
      ++connections;
      probing += probes != 0;
    }
    // The control connections do: rank 0 has both others', they have one each.
    EXPECT_EQ(probing, self->rank() == 0 ? 2u : 1u);
    EXPECT_GE(connections, probing + 2);
    expectConnected(*self);
  });
}

TEST(UcxCommunicator, ThirtyTwoRanksMeetInSeconds) {
  const auto start = Clock::now();
  runProcesses(32, [](std::shared_ptr<Communicator> self) { expectConnected(*self); });
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  RecordProperty("seconds", std::to_string(took));
  EXPECT_LT(took, 30) << "on two idle cores it takes about one second";
}

TEST(UcxCommunicator, SixtyFourRanksOnEightNodesMeetAndTalkInSeconds) {
  std::vector<uint32_t> nodes;
  for (uint32_t rank = 0; rank < 64; ++rank)
    nodes.push_back(rank / 8);
  const auto start = Clock::now();
  runJob(RankKind::Processes, nodes, [](Communicator &self) { expectConnected(self); });
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  RecordProperty("seconds", std::to_string(took));
  EXPECT_LT(took, 40) << "on two idle cores it takes about one second";
}

TEST(UcxCommunicator, RanksOfOneMachineAreOnOneNodeUnlessTheyAreToldOtherwise) {
  runProcesses(3, [](std::shared_ptr<Communicator> self) { EXPECT_EQ(self->topology(), Topology::oneNode(3)); });
  runJob(RankKind::Processes, {4, 1, 4, 4}, [](Communicator &self) {
    EXPECT_EQ(self.topology(), Topology(std::vector<uint32_t>{0, 1, 0, 0}));
    expectConnected(self);
  });
}

TEST(UcxCommunicator, ANodeThatOnlySomeRanksAreToldIsAnErrorOfAll) {
  const uint16_t port = freePort();
  runRanks(RankKind::Processes, 3, [&](uint32_t rank) {
    auto options = optionsOf(rank, 3, port);
    if (rank == 2)
      options.node = 0;
    expectStatus(Communicator::create(options).status(), FARO_INVALID_ARGUMENT, {"rank 2", "rank 0", "FARO_NODE"});
  });
}

/// What containers on one machine look like that were told one node.
TEST(UcxCommunicator, RanksOfANodeThatCannotShareMemoryAreToldSo) {
  setenv("UCX_ALLOC_PRIO", "mmap", 1); // before UCX is loaded, which ranks do
  runJob(RankKind::Processes, {0, 0}, [](Communicator &self) {
    const auto shared = std::shared_ptr<Communicator>(std::shared_ptr<void>(), &self);
    const auto memory = SymmetricMemory::create(shared, {100, 100}, gatherOverJob(shared), "window");
    ASSERT_FALSE(memory);
    expectStatus(memory.status(), FARO_UNAVAILABLE, {"window", "rank"});
  });
  unsetenv("UCX_ALLOC_PRIO");
}

/// UCX's own mappings are not, and its hooks of the C library are no hindrance.
TEST(UcxCommunicator, WindowsLieWhereLargePagesCanBeMapped) {
  setenv("FARO_LARGE_PAGES", "1", 1); // read by the ranks, which are children
  runJob(RankKind::Processes, {0, 0}, [](Communicator &self) {
    const auto shared = std::shared_ptr<Communicator>(std::shared_ptr<void>(), &self);
    const uint64_t size = 5 << 20;
    const auto memory = SymmetricMemory::create(shared, {size, size}, gatherOverJob(shared), "window");
    ASSERT_TRUE(memory) << memory.status().message();
    const uint32_t peer = 1 - self.rank();
    for (const uint32_t rank : {self.rank(), peer})
      EXPECT_EQ(reinterpret_cast<uintptr_t>((*memory)->of(rank)) % SharedView::LargePage, 0u) << "of rank " << rank;
    (*memory)->of(peer)[size - 1] = std::byte(1 + self.rank());
    ASSERT_TRUE(self.barrier().isOk());
    EXPECT_EQ((*memory)->mine()[size - 1], std::byte(1 + peer));
    ASSERT_TRUE(self.barrier().isOk());
  });
}

TEST(UcxCommunicator, SharedMemoryAloneIsNoWireToAnotherNode) {
  setenv("UCX_TLS", "posix,sysv", 1);
  const uint16_t port = freePort();
  runRanks(RankKind::Processes, 2, [&](uint32_t rank) {
    auto options = optionsOf(rank, 2, port);
    options.node = rank;
    const auto self = Communicator::create(options);
    ASSERT_FALSE(self);
    EXPECT_NE(self.status().message().find("UCX_TLS=posix,sysv"), std::string::npos) << self.status().message();
  });
  unsetenv("UCX_TLS");
}

std::set<std::string> sharedMemoryFiles() {
  std::set<std::string> names;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator("/dev/shm", error))
    if (entry.path().filename().string().find("ucx") != std::string::npos)
      names.insert(entry.path());
  return names;
}

/// Whether no file of UCX is there now and for a while that was not there before. Other jobs have theirs, which come
/// and go.
bool nothingStays(const std::set<std::string> &before) {
  std::set<std::string> left = sharedMemoryFiles();
  const auto deadline = Clock::now() + seconds(10);
  const auto isNew = [&] { return std::ranges::any_of(left, [&](auto &name) { return !before.contains(name); }); };
  while (isNew() && Clock::now() < deadline) {
    usleep(50'000);
    const auto now = sharedMemoryFiles();
    std::erase_if(left, [&](auto &name) { return !now.contains(name); });
  }
  return !isNew();
}

/// Others hear of a barrier's end a little later than this rank: until they have.
void letOthersPassTheBarrier() { usleep(200'000); }

TEST(UcxCommunicator, AKilledRankIsReportedToAllAndLeavesNothingBehind) {
  const auto before = sharedMemoryFiles();
  runProcesses(4,
               [](std::shared_ptr<Communicator> self) {
                 faro_region *region = nullptr;
                 ASSERT_EQ(self->transport().alloc(self->transportContext(), 1 << 20, &region), FARO_OK);
                 ASSERT_TRUE(self->barrier());
                 if (self->rank() == 2) {
                   letOthersPassTheBarrier();
                   raise(SIGKILL);
                 }
                 const auto start = Clock::now();
                 expectStatus(self->rank() == 1 ? self->barrier() : hear(*self), FARO_PEER_FAILED, {"rank 2"});
                 EXPECT_LT(Clock::now() - start, seconds(5));
                 self->transport().release(region);
               },
               {2});
  EXPECT_TRUE(nothingStays(before));
}

TEST(UcxCommunicator, RankZerosDeathIsReportedToAll) {
  runProcesses(3,
               [](std::shared_ptr<Communicator> self) {
                 ASSERT_TRUE(self->barrier());
                 if (self->rank() == 0) {
                   letOthersPassTheBarrier();
                   raise(SIGKILL);
                 }
                 expectStatus(hear(*self), FARO_PEER_FAILED, {"rank 0"});
               },
               {0});
}

TEST(UcxCommunicator, AReasonIsHeardThoughItsRankIsGoneAtOnce) {
  for (const uint32_t culprit : {0u, 1u})
    runProcesses(3, [culprit](std::shared_ptr<Communicator> self) {
      ASSERT_TRUE(self->barrier());
      if (self->rank() == culprit) {
        letOthersPassTheBarrier();
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
  const uint16_t port = freePort();
  runRanks(RankKind::Processes, 2, [&](uint32_t rank) {
    auto options = optionsOf(rank, 2, port);
    options.transport = rank ? "local" : "ucx";
    const auto self = Communicator::create(options);
    ASSERT_FALSE(self);
    EXPECT_NE(self.status().message().find("'local'"), std::string::npos) << self.status().message();
  });
}

TEST(UcxCommunicator, TheLocalTransportSaysThatItDoesNotConnectProcesses) {
  const uint16_t port = freePort();
  runRanks(RankKind::Processes, 2, [&](uint32_t rank) {
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
