// What a session has on its device: the module's kernels, a stream for its calls, and the lists that kernels read.
#pragma once

#include "runtime/device/cuda/Device.h"

#include <array>

namespace faro::cuda {

class SessionDevice {
public:
  /// Errors: as of Driver::get, Device::open and Kernels::load.
  static Expected<std::unique_ptr<SessionDevice>> create(int number, std::shared_ptr<const Module> module);

  /// Lists of a launch. Each is uploaded before the stream's next launch; one call is under way at a time.
  enum List : uint8_t { Offsets, Addresses, Weights, Lists };
  template <typename T> Expected<api::Pointer> upload(List list, const std::vector<T> &values) {
    return upload(list, values.data(), values.size() * sizeof(T));
  }
  Expected<api::Pointer> upload(List list, const void *values, size_t bytes);

  /// What rows of the user must start at a multiple of, and lie apart: kernels are written for that.
  static uint64_t alignmentOf(uint64_t rowBytes);

  const std::shared_ptr<Device> device;
  const std::unique_ptr<Kernels> kernels;
  const std::unique_ptr<Stream> stream;

private:
  SessionDevice(std::shared_ptr<Device> device, std::unique_ptr<Kernels> kernels, std::unique_ptr<Stream> stream)
      : device(std::move(device)), kernels(std::move(kernels)), stream(std::move(stream)) {}
  std::array<Memory, Lists> lists;
};

} // namespace faro::cuda
