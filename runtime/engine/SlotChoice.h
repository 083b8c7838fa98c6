// Where the slots of a session's rings have their rows, where its rows are on devices.
#pragma once

#include "faro/communicator.h"
#include "runtime/device/cuda/Device.h"
#include "runtime/engine/SlotMemory.h"

namespace faro {

/// FARO_SLOTS: `device`, `pinned` (host memory), or empty: on the device where all ranks' transports reach it directly.
/// The variable must be the same on all ranks. INVALID_ARGUMENT for anything else.
Expected<std::string> slotsFromEnvironment();

/// Collective; all ranks get the same kind. UNAVAILABLE, naming a rank, where `wanted` is `device` and one has no
/// reach.
Expected<SlotMaker> chooseSlots(const std::shared_ptr<Communicator> &communicator,
                                std::shared_ptr<const cuda::Device> device, const std::string &wanted);

} // namespace faro
