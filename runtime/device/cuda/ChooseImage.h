// Which of a module's images a device runs.
#pragma once

#include "faro/status.h"
#include "runtime/abi/faro_abi.h"

#include <span>

namespace faro::cuda {

/// `architecture`: of the device, 90 for compute capability 9.0. The cubin of the device's major version with the
/// highest minor one that it has; without one the PTX of the highest architecture up to its own. Errors: UNAVAILABLE,
/// naming what the module holds and how to compile for the device. A pure function.
Expected<const faro_abi_image *> chooseImage(std::span<const faro_abi_image> images, uint32_t architecture);
/// Of its PTX alone; null where there is none for the device.
const faro_abi_image *choosePtx(std::span<const faro_abi_image> images, uint32_t architecture);

} // namespace faro::cuda
