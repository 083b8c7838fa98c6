// Rows of a session in the memory of devices: a piece a rank, which the other ranks of its node reach by the same
// address (threads of one process) or map by the driver (processes).
#pragma once

#include "runtime/core/SymmetricMemory.h"
#include "runtime/device/cuda/Device.h"

namespace faro::cuda {

class DeviceWindow final : public NodeMemory {
public:
  /// Collective on the node. Zeroed, aligned to 256 bytes. Errors: OUT_OF_MEMORY, UNAVAILABLE when a peer's memory
  /// cannot be mapped.
  static Expected<std::unique_ptr<NodeMemory>> create(const Communicator &, std::shared_ptr<const Device>,
                                                      const std::vector<uint64_t> &sizeOfLocal, const NodeGather &,
                                                      const char *what);
  ~DeviceWindow() override;

  std::byte *of(uint32_t rank) const override { return bases[rank]; }
  uint64_t sizeOfLocal(uint32_t local) const override { return sizes[local]; }
  /// The driver wants all mappings of a piece gone before it is freed.
  void letGoOfPeers() override;

private:
  DeviceWindow() = default;
  std::shared_ptr<const Device> device;
  std::shared_ptr<Memory> mine;
  std::vector<std::shared_ptr<Memory>> threads; ///< of other ranks of this process: a rank that fails must not free
                                                ///< what another's kernels still reach
  std::vector<api::Pointer> mapped;             ///< of other processes
  std::vector<std::byte *> bases;               ///< by rank
  std::vector<uint64_t> sizes;                  ///< by local index
};

} // namespace faro::cuda
