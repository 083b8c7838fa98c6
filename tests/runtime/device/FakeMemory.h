// Memory of the stand-in for NVIDIA's driver, as the rest of it reaches it.
#pragma once

#include "runtime/device/cuda/DriverApi.h"
#include "tests/ptx/Machine.h"

#include <mutex>

namespace faro::test {

/// Of CUresult.
namespace results {
constexpr int InvalidValue = 1, OutOfMemory = 2, InvalidContext = 201, InvalidHandle = 400, NotFound = 500,
              NoBinaryForGpu = 209, UnsupportedPtx = 222, IllegalAddress = 700, AlreadyRegistered = 712;
}

/// Of all that the stand-in keeps: ranks are threads.
inline std::mutex mutex;

/// What the thread has made current. Calls that work in a context are refused where there is none.
inline cuda::api::Context &current() {
  static thread_local cuda::api::Context context = nullptr;
  return context;
}

/// The host's address of the device's memory.
void *host(cuda::api::Pointer address);
/// The device's memory, or host memory that was registered, which an address is in; none of anybody else's. Takes the
/// mutex.
ptx::Range allocationOf(cuda::api::Pointer address);

} // namespace faro::test
