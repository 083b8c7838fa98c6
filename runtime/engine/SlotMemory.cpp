#include "runtime/engine/SlotMemory.h"

#include <fmt/format.h>
#include <sys/mman.h>

namespace faro {

Expected<std::unique_ptr<SlotMemory>> SlotMemory::create(const RingShape &ring, const SlotMaker &maker) {
  constexpr uint64_t RowsAlignment = 256;
  std::unique_ptr<SlotMemory> memory(new SlotMemory());
  memory->apart = bool(maker.rows);
  memory->hostBytes = memory->apart ? ring.headBytes : ring.slotBytes;
  memory->kernelBytes =
      memory->apart ? (ring.rowBytes + RowsAlignment - 1) / RowsAlignment * RowsAlignment : ring.slotBytes;
  memory->bytes = Lead + memory->hostBytes * ring.slots;
  void *base = mmap(nullptr, memory->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto fail = [&](const std::string &why) {
    return Status(FARO_OUT_OF_MEMORY,
                  fmt::format("{} slots of {} bytes for ring {} cannot be had{}; use fewer or smaller slots",
                              ring.slots, ring.slotBytes, ring.name, why));
  };
  if (base == MAP_FAILED)
    return fail("");
  memory->mapping = base;
  memory->forKernels = reinterpret_cast<uintptr_t>(memory->first());
  if (!maker.forDevice())
    return memory;
  auto backing = memory->apart ? maker.rows(memory->kernelBytes * ring.slots)
                               : maker.pin(static_cast<std::byte *>(base), memory->bytes);
  if (!backing)
    return fail(fmt::format(" ({})", backing.status().message()));
  memory->backing = std::move(*backing);
  memory->forKernels = memory->backing->address + (memory->apart ? 0 : Lead);
  return memory;
}

SlotMemory::~SlotMemory() {
  backing.reset(); // the driver must not have pages that are gone
  if (mapping)
    munmap(mapping, bytes);
}

} // namespace faro
