// Slots of rings whose rows lie in the device's memory, where the transport sends from it and receives into it.
#pragma once

#include "faro/communicator.h"
#include "runtime/device/cuda/Device.h"
#include "runtime/engine/SlotMemory.h"

namespace faro::cuda {

/// What the communicator's transport says of devices. An error: it takes no memory of this one, and why.
Expected<faro_device_reach> reachOf(const std::shared_ptr<Communicator> &communicator,
                                    std::shared_ptr<const Device> device);

/// Allocates rows on the device and attaches them to the communicator's transport, for as long as they live. Requires
/// reach.
SlotMaker slotsOnDevice(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Device> device);

} // namespace faro::cuda
