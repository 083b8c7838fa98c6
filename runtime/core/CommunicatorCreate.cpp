// How communicators come to be: ranks meet, find out who shares a node, and connect.
//
//   bootstrap ─► topology ─► transport ─► introductions ─► connections
#include "runtime/core/CommunicatorImpl.h"
#include "runtime/core/LocalBootstrap.h"
#include "runtime/core/NodeExchange.h"
#include "runtime/core/TcpBootstrap.h"

#include <fmt/format.h>

namespace faro {

static Status checkTimeout(Nanoseconds timeout) {
  if (timeout > Nanoseconds::zero() && timeout <= LongestTimeout)
    return Status::ok();
  return Status(FARO_INVALID_ARGUMENT, fmt::format("a time-out of {:g} s: expected more than 0 and at most {:g}",
                                                   std::chrono::duration<double>(timeout).count(),
                                                   std::chrono::duration<double>(LongestTimeout).count()));
}

Expected<std::shared_ptr<Communicator>> Communicator::create(const CommunicatorOptions &options) {
  if (options.worldSize == 0 || options.rank >= options.worldSize)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {} is outside of a world of {}", options.rank, options.worldSize));
  FARO_RETURN_IF_ERROR(checkTimeout(options.timeout));
  std::unique_ptr<Bootstrap> bootstrap;
  bool loopback = true;
  if (options.worldSize == 1) {
    const auto job = randomName(16);
    if (!job)
      return job.status();
    bootstrap = std::make_unique<SoloBootstrap>("solo-" + *job);
  } else {
    auto tcp = TcpBootstrap::create(options);
    if (!tcp)
      return tcp.status();
    loopback = (*tcp)->loopback();
    bootstrap = std::move(*tcp);
  }
  auto topology = findTopology(options, *bootstrap);
  if (!topology)
    return topology.status();
  auto self = CommunicatorImpl::create(options, std::move(*topology), std::move(bootstrap), loopback);
  if (!self)
    return self.status();
  auto mine = (*self)->introduction();
  if (!mine) {
    (*self)->abort(mine.status());
    return mine.status();
  }
  auto introductions = (*self)->allgather(*mine, "communicator: transport addresses");
  if (!introductions)
    return introductions.status();
  Status connected = (*self)->connect(*introductions);
  if (connected)
    connected = (*self)->settle();
  if (!connected) {
    connected = reasonOf(connected, **self);
    (*self)->abort(connected);
    return connected;
  }
  return std::shared_ptr<Communicator>(*self);
}

Expected<std::vector<std::shared_ptr<Communicator>>> Communicator::createLocal(uint32_t worldSize, Nanoseconds timeout,
                                                                               uint32_t nodes) {
  if (worldSize == 0)
    return Status(FARO_INVALID_ARGUMENT, "local ranks need a world size of more than 0");
  FARO_RETURN_IF_ERROR(checkTimeout(timeout));
  if (nodes == 0 || nodes > worldSize)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{} ranks cannot be on {} nodes", worldSize, nodes));
  const Topology topology = Topology::blocks(worldSize, nodes);
  const auto job = randomName(16);
  if (!job)
    return job.status();
  const auto group = std::make_shared<LocalGroup>("local-" + *job, worldSize);
  std::vector<std::shared_ptr<CommunicatorImpl>> ranks;
  std::vector<Bytes> introductions;
  const auto giveUp = [&](const Status &why) {
    // Nobody has begun to use them, so nobody has to be waited for.
    for (auto &rank : ranks)
      rank->abort(why);
    return why;
  };
  for (uint32_t rank = 0; rank < worldSize; ++rank) {
    CommunicatorOptions options;
    options.rank = rank;
    options.localRank = topology.localIndex(rank);
    options.node = topology.nodeOf(rank);
    options.worldSize = worldSize;
    options.transport = "local";
    options.timeout = timeout;
    auto self = CommunicatorImpl::create(options, topology, std::make_unique<LocalBootstrap>(group, rank), true);
    if (!self)
      return giveUp(self.status());
    ranks.push_back(*self);
    auto introduction = ranks.back()->introduction();
    if (!introduction)
      return giveUp(introduction.status());
    introductions.push_back(std::move(*introduction));
  }
  for (auto &rank : ranks)
    if (Status status = rank->connect(introductions); !status)
      return giveUp(status);
  return std::vector<std::shared_ptr<Communicator>>(ranks.begin(), ranks.end());
}

} // namespace faro
