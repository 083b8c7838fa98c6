// Slots of rings for sessions on a device: host memory, which the wire reads and writes, and kernels too, over the bus.
#pragma once

#include "runtime/device/cuda/Device.h"
#include "runtime/engine/SlotMemory.h"

namespace faro::cuda {

/// Registers slots with the driver, page-locked and mapped, for as long as they live.
SlotMaker pinSlotsFor(std::shared_ptr<const Device> device);

} // namespace faro::cuda
