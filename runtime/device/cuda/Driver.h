// NVIDIA's driver, loaded when it is first asked for: one binary runs on machines with and without a GPU.
#pragma once

#include "faro/status.h"
#include "runtime/core/SharedLibrary.h"
#include "runtime/device/cuda/DriverApi.h"

#include <memory>
#include <string>

namespace faro::cuda {

/// For programs whose ranks are threads that share a device: as many of the process's streams as there can be run side
/// by side (CUDA_DEVICE_MAX_CONNECTIONS=32, unless the environment has another). Beyond the driver's 8, streams share a
/// queue, and a kernel that waits for one behind it in the queue waits in vain. And kernels are loaded with their
/// module (CUDA_MODULE_LOADING=EAGER, likewise): loading one at its first launch may wait for all that run, which may
/// wait for it. Before the driver is asked for, while the process has one thread.
void letStreamsRunSideBySide();

/// The driver's functions. Any thread may call them.
class Driver {
public:
  /// The oldest driver that reads the PTX that is written for architectures up to sm_90: CUDA 12.6, as
  /// cuDriverGetVersion counts. Text for newer ones, and machine code, may need a newer driver, which loading says.
  static constexpr int LeastVersion = 12060;

  /// The driver of this machine: libcuda.so.1 where the loader looks, or $FARO_CUDA_DRIVER. Loaded once; a failure is
  /// looked for anew each time. Errors: UNAVAILABLE (no driver, no device, a driver too old), saying what to do.
  static Expected<std::shared_ptr<const Driver>> get();
  /// The same from a library of this name.
  static Expected<std::shared_ptr<const Driver>> load(const std::string &library);

  /// OK, or what the driver says of a failed call: "cuMemAlloc of 4096 bytes: CUDA_ERROR_OUT_OF_MEMORY: out of memory".
  Status check(api::Result result, const std::string &what) const;

#define FARO_CUDA_MEMBER(member, symbol, parameters) api::Result(*member) parameters = nullptr;
  FARO_CUDA_FUNCTIONS(FARO_CUDA_MEMBER)
#undef FARO_CUDA_MEMBER

private:
  std::shared_ptr<SharedLibrary> library;
  int version_ = 0;
};

} // namespace faro::cuda
