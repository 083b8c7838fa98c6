// Memory of the stand-in for NVIDIA's driver, as the rest of it reaches it.
#pragma once

#include "runtime/device/cuda/DriverApi.h"

#include <mutex>

namespace faro::test {

/// Of CUresult.
namespace results {
constexpr int InvalidValue = 1, OutOfMemory = 2, InvalidHandle = 400, NotFound = 500, IllegalAddress = 700,
              AlreadyRegistered = 712;
}

/// Of all that the stand-in keeps: ranks are threads.
inline std::mutex mutex;

/// The host's address of the device's memory.
void *host(cuda::api::Pointer address);
/// Whether it is the device's memory, or host memory that was registered. Under the mutex.
bool isKnown(cuda::api::Pointer address);

} // namespace faro::test
