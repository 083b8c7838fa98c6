#include "runtime/engine/SlotMemory.h"

#include <fmt/format.h>
#include <sys/mman.h>

namespace faro {

Expected<std::unique_ptr<SlotMemory>> SlotMemory::create(const RingShape &ring, const SlotPinner &pin) {
  const uint64_t bytes = ring.slotBytes * ring.slots;
  void *base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto fail = [&](const std::string &why) {
    return Status(FARO_OUT_OF_MEMORY,
                  fmt::format("{} slots of {} bytes for ring {} cannot be had{}; use fewer or smaller slots",
                              ring.slots, ring.slotBytes, ring.name, why));
  };
  if (base == MAP_FAILED)
    return fail("");
  std::unique_ptr<SlotMemory> memory(new SlotMemory(static_cast<std::byte *>(base), ring.slotBytes, bytes));
  if (pin) {
    auto pinned = pin(memory->base, bytes);
    if (!pinned)
      return fail(fmt::format(" ({})", pinned.status().message()));
    memory->pinned = std::move(*pinned);
    memory->forKernels = memory->pinned->address;
  }
  return memory;
}

SlotMemory::~SlotMemory() {
  pinned.reset(); // the driver must not have pages that are gone
  munmap(base, bytes);
}

} // namespace faro
