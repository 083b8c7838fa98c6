// Communicators over UCX, whose ranks are processes.
#include "tests/conformance/Communicators.h"
#include "tests/conformance/FreePort.h"
#include "tests/conformance/Ranks.h"

#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace faro {
namespace {

using namespace test;
using std::chrono::seconds;

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
                 if (self->rank() == 0) {
                   usleep(200'000); // the others hear of the barrier's end from this very process
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
