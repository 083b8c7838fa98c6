#include "tests/conformance/Communicators.h"

#include "tests/conformance/FreePort.h"

#include <cstring>
#include <thread>
#include <unistd.h>

namespace faro::test {

static Bytes number(uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

Status hear(Communicator &self) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  Status status;
  while ((status = self.check()) && Clock::now() < deadline)
    usleep(1000);
  return status;
}

CommunicatorOptions optionsOf(uint32_t rank, uint32_t worldSize, uint16_t port) {
  CommunicatorOptions options;
  options.rank = options.localRank = rank;
  options.worldSize = worldSize;
  options.masterPort = port;
  options.jobSecret = "test secret";
  options.timeout = std::chrono::seconds(30);
  return options;
}

static void runThreads(const Topology &topology, const std::function<void(Communicator &)> &body) {
  auto all = Communicator::createLocal(topology.ranks(), std::chrono::seconds(20), topology.nodes());
  ASSERT_TRUE(all) << all.status().message();
  std::vector<std::thread> threads;
  for (auto &self : *all)
    threads.emplace_back([&body, self = std::move(self)] { body(*self); });
  for (std::thread &thread : threads)
    thread.join();
}

void runJob(RankKind kind, const std::vector<uint32_t> &nodes, const std::function<void(Communicator &)> &body,
            const std::vector<uint32_t> &toBeKilled) {
  if (kind == RankKind::Threads)
    return runThreads(Topology(nodes), body);
  const uint16_t port = freePort();
  runRanks(
      kind, uint32_t(nodes.size()),
      [&](uint32_t rank) {
        CommunicatorOptions options = optionsOf(rank, uint32_t(nodes.size()), port);
        options.node = nodes[rank];
        auto self = Communicator::create(options);
        ASSERT_TRUE(self) << self.status().message();
        body(**self);
      },
      toBeKilled);
}

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
    if (peer == self.rank() || !self.topology().sameNode(peer, self.rank()))
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
    EXPECT_EQ(mine[peer], remotes[peer] ? 1000 + peer : 0);
  ASSERT_TRUE(self.barrier());
  for (faro_remote *remote : remotes)
    if (remote)
      transport.unmap(remote);
  transport.release(region);
  EXPECT_TRUE(self.check()) << self.check().message();
}

} // namespace faro::test
