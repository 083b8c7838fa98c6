// What must hold before there is a shuffle that is planned on devices.
#pragma once

#include "faro/device_shuffle.h"

namespace faro::cuda {

/// Collective. `options.dispatch` is set. Faults that a rank finds by itself, then what the ranks must agree on.
Status agreeOnShuffle(Communicator &, const Module &, const DeviceShuffleOptions &);

} // namespace faro::cuda
