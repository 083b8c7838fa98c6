#include "runtime/device/cuda/PinnedSlots.h"

#include <fmt/format.h>

namespace faro::cuda {

namespace {

class PinnedMemory final : public SlotBacking {
public:
  PinnedMemory(std::shared_ptr<const Device> device, void *memory, api::Pointer there)
      : SlotBacking(there), device(std::move(device)), memory(memory) {}
  ~PinnedMemory() override {
    if (const InContext current(*device); current.status())
      (void)device->driver().memHostUnregister(memory);
  }

private:
  std::shared_ptr<const Device> device;
  void *memory;
};

} // namespace

SlotMaker pinSlotsFor(std::shared_ptr<const Device> device) {
  SlotMaker maker;
  maker.pin = [device = std::move(device)](std::byte *memory, uint64_t bytes) -> SlotMaker::Backing {
    FARO_RETURN_IF_ERROR(device->makeCurrent());
    const Driver &cuda = device->driver();
    // Portable: whoever makes another context current meanwhile (a framework in the same process) may release it.
    FARO_RETURN_IF_ERROR(
        cuda.check(cuda.memHostRegister(memory, bytes, api::HostRegisterPortable | api::HostRegisterDeviceMap),
                   fmt::format("cuMemHostRegister of {} bytes for {}", bytes, device->name())));
    api::Pointer there = 0;
    const Status mapped =
        cuda.check(cuda.memHostGetDevicePointer(&there, memory, /*flags=*/0), "cuMemHostGetDevicePointer");
    if (!mapped) {
      (void)cuda.memHostUnregister(memory);
      return mapped;
    }
    return std::unique_ptr<SlotBacking>(std::make_unique<PinnedMemory>(device, memory, there));
  };
  return maker;
}

} // namespace faro::cuda
