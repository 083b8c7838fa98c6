#include "runtime/core/SymmetricMemory.h"

#include "runtime/core/CommunicatorImpl.h"
#include "runtime/core/TransportPlugin.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro {

NodeGather gatherOverJob(std::shared_ptr<Communicator> communicator) {
  return [communicator = std::move(communicator)](const Bytes &mine, const char *what) -> Expected<std::vector<Bytes>> {
    auto all = communicator->allgather(mine, what);
    if (!all)
      return all.status();
    std::vector<Bytes> node;
    for (const uint32_t rank : nodeRanks(*communicator))
      node.push_back(std::move((*all)[rank]));
    return node;
  };
}

Expected<std::unique_ptr<SymmetricMemory>> SymmetricMemory::create(std::shared_ptr<Communicator> communicator,
                                                                   const std::vector<uint64_t> &sizeOfLocal,
                                                                   const NodeGather &gather, const char *what) {
  std::unique_ptr<SymmetricMemory> memory(new SymmetricMemory(communicator));
  memory->sizes = sizeOfLocal;
  for (uint64_t &size : memory->sizes)
    size = (std::max<uint64_t>(size, 1) + 4095) / 4096 * 4096;

  const faro_transport &transport = communicator->transport();
  if (!(transport.capabilities & FARO_CAN_MAP))
    return Status(FARO_UNAVAILABLE, fmt::format("transport {} cannot map the memory of other ranks", transport.name));
  const uint64_t mine = memory->sizes[communicator->topology().localIndex(communicator->rank())];
  if (const faro_status code = transport.alloc(communicator->transportContext(), mine, &memory->region))
    return transportError(transport, code,
                          fmt::format("rank {}: {} bytes for the {}", communicator->rank(), mine, what));
  memory->views.resize(communicator->size());
  SharedView &view = memory->views[communicator->rank()];
  view = SharedView(static_cast<std::byte *>(transport.base(memory->region)), mine);
  if (const Status status = view.makePages(); !status)
    return Status(status.code(), fmt::format("rank {}: the {}: {}", communicator->rank(), what, status.message()));
  FARO_RETURN_IF_ERROR(memory->map(gather, what));
  return memory;
}

Status SymmetricMemory::map(const NodeGather &gather, const char *what) {
  const faro_transport &transport = communicator->transport();
  const void *key = nullptr;
  size_t size = 0;
  if (const faro_status code = transport.key(region, &key, &size))
    return transportError(transport, code, fmt::format("rank {}: key of the {}", communicator->rank(), what));
  Bytes mine(size);
  std::memcpy(mine.data(), key, size);
  auto keys = gather(mine, what);
  if (!keys)
    return keys.status();

  const auto node = nodeRanks(*communicator);
  for (uint32_t local = 0; local < node.size(); ++local) {
    const uint32_t rank = node[local];
    if (rank == communicator->rank())
      continue;
    faro_remote *remote = nullptr;
    const Bytes &peerKey = (*keys)[local];
    if (const faro_status code =
            transport.map(communicator->transportContext(), rank, peerKey.data(), peerKey.size(), &remote))
      // A rank that is late finds the others' memory gone, if they have given up.
      return reasonOf(
          transportError(transport, code,
                         fmt::format("rank {}: mapping the {} of rank {}", communicator->rank(), what, rank)),
          *communicator);
    remotes.push_back(remote);
    auto *mapped = static_cast<std::byte *>(transport.pointer(remote));
    if (!mapped) {
      const char *tls = std::getenv("UCX_TLS");
      const std::string cause = tls && *tls ? fmt::format("does UCX_TLS={} leave UCX posix or sysv?", tls)
                                            : "have both the same IPC namespace, and does `ipcs -l` allow them more?";
      return {
          FARO_UNAVAILABLE,
          fmt::format("rank {}: the {} of rank {} cannot be mapped, though both are said to be on node {}: ranks of "
                      "one node need shared memory ({})",
                      communicator->rank(), what, rank, communicator->topology().nodeOf(rank), cause)};
    }
    views[rank] = SharedView(mapped, sizes[local]);
    if (const Status status = views[rank].mapPages(); !status)
      return {status.code(), fmt::format("rank {}: mapping the {} of rank {}: {}", communicator->rank(), what, rank,
                                         status.message())};
  }
  // Nobody may give up and release a region that another is still about to map.
  return gather({}, what).status();
}

SymmetricMemory::~SymmetricMemory() {
  views.clear();
  const faro_transport &transport = communicator->transport();
  for (faro_remote *remote : remotes)
    transport.unmap(remote);
  if (region)
    transport.release(region);
}

Window::Window(std::shared_ptr<Communicator> c, NodeGather g, const char *name, NodeMemoryMaker m)
    : communicator(std::move(c)), gather(std::move(g)), name(name), make(std::move(m)) {
  if (!make)
    make = [communicator = communicator](const std::vector<uint64_t> &sizes, const NodeGather &gather,
                                         const char *what) -> Expected<std::unique_ptr<NodeMemory>> {
      auto made = SymmetricMemory::create(communicator, sizes, gather, what);
      if (!made)
        return made.status();
      return std::unique_ptr<NodeMemory>(std::move(*made));
    };
}

bool Window::fits(const std::vector<uint64_t> &bytesOfLocal) const {
  for (uint32_t local = 0; local < bytesOfLocal.size(); ++local)
    if (bytesOfLocal[local] > (memory ? memory->sizeOfLocal(local) : 0))
      return false;
  return true;
}

Status Window::ensure(const std::vector<uint64_t> &bytesOfLocal) {
  if (fits(bytesOfLocal))
    return Status::ok();
  // An eighth more than asked for, so that batches that differ a little do not grow it again; never smaller than it
  // was.
  std::vector<uint64_t> sizes;
  for (uint32_t local = 0; local < bytesOfLocal.size(); ++local)
    sizes.push_back(std::max(bytesOfLocal[local] + bytesOfLocal[local] / 8, memory ? memory->sizeOfLocal(local) : 0));
  // First: old and new need not fit side by side.
  if (memory) {
    memory->letGoOfPeers();
    FARO_RETURN_IF_ERROR(gather({}, name).status());
    memory.reset();
  }
  auto larger = make(sizes, gather, name);
  if (!larger)
    return larger.status();
  memory = std::move(*larger);
  ++grown;
  return Status::ok();
}

uint64_t Window::bytes() const {
  return memory ? memory->sizeOfLocal(communicator->topology().localIndex(communicator->rank())) : 0;
}

} // namespace faro
