#include "runtime/device/cuda/PinnedMemory.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro::cuda {

Expected<std::unique_ptr<Pinned>> Pinned::pin(std::shared_ptr<const Device> device, std::byte *memory, uint64_t bytes) {
  const Driver &cuda = device->driver();
  // Portable: whoever makes another context current meanwhile (a framework in the same process) may release it.
  FARO_RETURN_IF_ERROR(
      cuda.check(cuda.memHostRegister(memory, bytes, api::HostRegisterPortable | api::HostRegisterDeviceMap),
                 fmt::format("cuMemHostRegister of {} bytes for {}", bytes, device->name())));
  std::unique_ptr<Pinned> pinned(new Pinned(device, memory));
  FARO_RETURN_IF_ERROR(
      cuda.check(cuda.memHostGetDevicePointer(&pinned->there_, memory, /*flags=*/0), "cuMemHostGetDevicePointer"));
  return pinned;
}

Pinned::~Pinned() {
  if (const InContext current(*device); current.status())
    (void)device->driver().memHostUnregister(memory);
}

void PinnedMemory::Free::operator()(std::byte *memory) const { std::free(memory); }

Expected<std::unique_ptr<PinnedMemory>> PinnedMemory::allocate(std::shared_ptr<const Device> device, uint64_t bytes) {
  constexpr uint64_t Page = 4096;
  std::unique_ptr<PinnedMemory> made(new PinnedMemory());
  made->bytes = (bytes + Page - 1) / Page * Page;
  made->memory.reset(static_cast<std::byte *>(std::aligned_alloc(Page, made->bytes)));
  if (!made->memory)
    return Status(FARO_OUT_OF_MEMORY,
                  fmt::format("no memory for {} bytes that kernels of {} are to reach", made->bytes, device->name()));
  std::memset(made->memory.get(), 0, made->bytes);
  auto pinned = Pinned::pin(std::move(device), made->memory.get(), made->bytes);
  if (!pinned)
    return pinned.status();
  made->pinned = std::move(*pinned);
  return made;
}

} // namespace faro::cuda
