#include "runtime/device/cuda/DeviceWindow.h"

#include "runtime/core/PeerWatch.h"

#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace faro::cuda {

namespace {

/// What a rank says of its piece.
struct Piece {
  Digest process;
  int32_t device;
  const std::shared_ptr<Memory> *memory; ///< for other threads of the process
  api::Pointer address;
  api::IpcHandle handle;
  int32_t shared; ///< what the driver said to sharing it with other processes
};

/// Of these pieces a driver makes allocations; one that is shared lies in no piece that holds others' memory, too.
constexpr uint64_t Block = 2 << 20;

} // namespace

Expected<std::unique_ptr<NodeMemory>> DeviceWindow::create(const Communicator &communicator,
                                                           std::shared_ptr<const Device> device,
                                                           const std::vector<uint64_t> &sizeOfLocal,
                                                           const NodeGather &gather, const char *what) {
  const uint32_t rank = communicator.rank();
  const Topology &topology = communicator.topology();
  const auto node = nodeRanks(communicator);
  std::unique_ptr<DeviceWindow> window(new DeviceWindow());
  window->device = device;
  window->sizes = sizeOfLocal;
  for (uint64_t &size : window->sizes)
    size = (std::max<uint64_t>(size, 1) + Block - 1) / Block * Block;
  FARO_RETURN_IF_ERROR(device->makeCurrent());
  const uint64_t bytes = window->sizes[topology.localIndex(rank)];
  const auto fail = [&](const Status &status) {
    return Status(status.code(), fmt::format("rank {}: the {}: {}", rank, what, status.message()));
  };
  auto memory = Memory::zeroed(device, bytes);
  if (!memory)
    return fail(memory.status());
  window->mine = std::make_shared<Memory>(std::move(*memory));

  const Driver &cuda = device->driver();
  Piece piece{ProcessPlace::mine().digest(), device->number(), &window->mine, window->mine->address(), {}, 0};
  // A device that cannot share memory with other processes is no matter for threads.
  piece.shared = cuda.ipcGetMemHandle(&piece.handle, piece.address);
  Bytes said(sizeof piece);
  std::memcpy(said.data(), &piece, sizeof piece);
  auto all = gather(said, what);
  if (!all)
    return all.status();
  window->bases.resize(communicator.size());
  const auto reach = [&](uint32_t peer, const Bytes &saidByPeer) -> Status {
    Piece theirs{};
    if (saidByPeer.size() != said.size())
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {}: the {}: rank {} does not have it on a CUDA device; a session is on devices "
                                "on all ranks or on none",
                                rank, what, peer));
    std::memcpy(&theirs, saidByPeer.data(), sizeof theirs);
    if (theirs.process == piece.process && theirs.device != piece.device)
      return Status(
          FARO_UNAVAILABLE,
          fmt::format("rank {} is on CUDA device {}, and rank {} of the same process on {}; give the ranks of a "
                      "process one device, or start a process for each",
                      rank, piece.device, peer, theirs.device));
    if (theirs.process != piece.process) {
      api::Pointer address = 0;
      Status opened = cuda.check(theirs.shared, "its driver does not share it with other processes: cuIpcGetMemHandle");
      if (opened)
        opened = cuda.check(cuda.ipcOpenMemHandle(&address, theirs.handle, api::IpcLazyEnablePeerAccess),
                            "cuIpcOpenMemHandle");
      if (!opened)
        return Status(FARO_UNAVAILABLE, fmt::format("rank {}: the {} of rank {} cannot be mapped: {}", rank, what, peer,
                                                    opened.message()));
      window->mapped.push_back(address);
      theirs.address = address;
    } else if (peer != rank) {
      window->threads.push_back(*theirs.memory); // its owner is at the gather below, or on its way
    }
    window->bases[peer] = reinterpret_cast<std::byte *>(uintptr_t(theirs.address));
    return Status::ok();
  };
  Status reached;
  for (uint32_t local = 0; local < node.size() && reached; ++local)
    reached = reach(node[local], (*all)[local]);
  // Nobody may give up and free memory that another is still about to map.
  const Status met = gather({}, what).status();
  FARO_RETURN_IF_ERROR(reached);
  FARO_RETURN_IF_ERROR(met);
  return std::unique_ptr<NodeMemory>(std::move(window));
}

void DeviceWindow::letGoOfPeers() {
  if (mapped.empty())
    return;
  const InContext current(*device);
  if (!current.status())
    return;
  for (const api::Pointer address : std::exchange(mapped, {}))
    (void)device->driver().ipcCloseMemHandle(address);
}

DeviceWindow::~DeviceWindow() { letGoOfPeers(); }

} // namespace faro::cuda
