// Host memory that kernels reach: it stays where it is, and the device has an address for it.
#pragma once

#include "runtime/device/cuda/Device.h"

#include <cstddef>

namespace faro::cuda {

/// Memory of somebody else, who must keep it longer than this. The device must be current when it is made.
class Pinned {
public:
  /// `memory` begins with a page.
  static Expected<std::unique_ptr<Pinned>> pin(std::shared_ptr<const Device> device, std::byte *memory, uint64_t bytes);
  ~Pinned();
  Pinned(const Pinned &) = delete;
  Pinned &operator=(const Pinned &) = delete;

  api::Pointer there() const { return there_; } ///< where kernels see its begin

private:
  Pinned(std::shared_ptr<const Device> device, std::byte *memory) : device(std::move(device)), memory(memory) {}
  std::shared_ptr<const Device> device;
  std::byte *memory;
  api::Pointer there_ = 0;
};

/// Memory of its own, in zeros.
class PinnedMemory {
public:
  static Expected<std::unique_ptr<PinnedMemory>> allocate(std::shared_ptr<const Device> device, uint64_t bytes);

  std::byte *data() const { return memory.get(); }
  api::Pointer there() const { return pinned->there(); }
  uint64_t size() const { return bytes; }

private:
  struct Free {
    void operator()(std::byte *memory) const;
  };
  PinnedMemory() = default;
  std::unique_ptr<std::byte, Free> memory; // outlives `pinned`
  std::unique_ptr<Pinned> pinned;
  uint64_t bytes = 0;
};

} // namespace faro::cuda
