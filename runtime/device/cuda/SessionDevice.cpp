#include "runtime/device/cuda/SessionDevice.h"

#include <algorithm>

namespace faro::cuda {

Expected<std::unique_ptr<SessionDevice>> SessionDevice::create(int number, std::shared_ptr<const Module> module) {
  auto driver = Driver::get();
  if (!driver)
    return driver.status();
  auto device = Device::open(*driver, number);
  if (!device)
    return device.status();
  FARO_RETURN_IF_ERROR((*device)->makeCurrent());
  auto kernels = Kernels::load(*device, std::move(module));
  if (!kernels)
    return kernels.status();
  auto stream = Stream::create(*device);
  if (!stream)
    return stream.status();
  return std::unique_ptr<SessionDevice>(new SessionDevice(std::move(*device), std::move(*kernels), std::move(*stream)));
}

Expected<api::Pointer> SessionDevice::upload(List list, const void *values, size_t bytes) {
  Memory &memory = lists[list];
  if (memory.size() < bytes) {
    memory = Memory(); // first: the old one is of no use
    auto larger = Memory::allocate(device, bytes + bytes / 8);
    if (!larger)
      return larger.status();
    memory = std::move(*larger);
  }
  FARO_RETURN_IF_ERROR(stream->toDevice(memory.address(), values, bytes));
  return memory.address();
}

uint64_t SessionDevice::alignmentOf(uint64_t rowBytes) {
  constexpr uint64_t Access = 16;
  return std::min(rowBytes & (~rowBytes + 1), Access);
}

} // namespace faro::cuda
