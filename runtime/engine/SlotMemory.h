// Memory of a ring's slots: host memory, which the wire reads and writes. Where rows are on a device, its kernels do
// too.
#pragma once

#include "runtime/engine/SliceShape.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace faro {

/// Host memory that a device can reach, until this goes away.
class SlotPin {
public:
  virtual ~SlotPin() = default;
  const uint64_t address; ///< of its first byte, for kernels

protected:
  explicit SlotPin(uint64_t address) : address(address) {}
};
using SlotPinner = std::function<Expected<std::unique_ptr<SlotPin>>(std::byte *memory, uint64_t bytes)>;

/// A place in a slot.
struct Slot {
  std::byte *bytes;
  uint64_t forKernels; ///< the address of the same place
  uint64_t forKernelsAt(const std::byte *place) const { return forKernels + uint64_t(place - bytes); }
};

/// Slots, aligned to pages, zero at first.
class SlotMemory {
public:
  /// `pin`: none where kernels run on the host.
  static Expected<std::unique_ptr<SlotMemory>> create(const RingShape &ring, const SlotPinner &pin);
  ~SlotMemory();
  SlotMemory(const SlotMemory &) = delete;
  SlotMemory &operator=(const SlotMemory &) = delete;
  Slot slot(uint32_t index) const { return {base + index * slotBytes, forKernels + index * slotBytes}; }

private:
  SlotMemory(std::byte *base, uint64_t slotBytes, uint64_t bytes)
      : base(base), slotBytes(slotBytes), bytes(bytes), forKernels(reinterpret_cast<uintptr_t>(base)) {}
  std::byte *base;
  uint64_t slotBytes, bytes, forKernels;
  std::unique_ptr<SlotPin> pinned;
};

} // namespace faro
