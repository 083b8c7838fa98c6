#include "runtime/device/cuda/PinnedSlots.h"

#include "runtime/device/cuda/PinnedMemory.h"

namespace faro::cuda {

namespace {

class PinnedBacking final : public SlotBacking {
public:
  explicit PinnedBacking(std::unique_ptr<Pinned> pinned) : SlotBacking(pinned->there()), pinned(std::move(pinned)) {}

private:
  const std::unique_ptr<Pinned> pinned;
};

} // namespace

SlotMaker pinSlotsFor(std::shared_ptr<const Device> device) {
  SlotMaker maker;
  maker.pin = [device = std::move(device)](std::byte *memory, uint64_t bytes) -> SlotMaker::Backing {
    FARO_RETURN_IF_ERROR(device->makeCurrent());
    auto pinned = Pinned::pin(device, memory, bytes);
    if (!pinned)
      return pinned.status();
    return std::unique_ptr<SlotBacking>(std::make_unique<PinnedBacking>(std::move(*pinned)));
  };
  return maker;
}

} // namespace faro::cuda
