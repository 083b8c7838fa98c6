#include "runtime/device/cuda/SessionDevice.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::cuda {

Expected<uint32_t> architectureOf(int number) {
  auto device = Device::open(number);
  if (!device)
    return device.status();
  return (*device)->architecture();
}

Expected<std::unique_ptr<SessionDevice>> SessionDevice::create(const SessionOptions &options,
                                                               std::shared_ptr<const Module> module) {
  auto device = Device::open(options.cudaDevice);
  if (!device)
    return device.status();
  const uint32_t all = (*device)->multiprocessors();
  if (options.cudaMultiprocessors > all)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("cudaMultiprocessors: expected at most the {} of device {} ({}), or 0 for all; found {}",
                              all, options.cudaDevice, (*device)->name(), options.cudaMultiprocessors));
  const InContext current(**device);
  FARO_RETURN_IF_ERROR(current.status());
  auto kernels = Kernels::load(*device, std::move(module));
  if (!kernels)
    return kernels.status();
  auto stream = options.cudaStream ? Stream::borrow(*device, options.cudaStream) : Stream::create(*device);
  if (!stream)
    return stream.status();
  return std::unique_ptr<SessionDevice>(
      new SessionDevice(std::move(*device), std::move(*kernels), std::move(*stream),
                        options.cudaMultiprocessors ? options.cudaMultiprocessors : all));
}

Expected<api::Pointer> SessionDevice::room(List list, size_t bytes) {
  Memory &memory = lists[list];
  if (memory.size() < bytes) {
    // A launch that is under way may read the old one. Doubled, so that this is rare.
    if (memory.size() > 0)
      FARO_RETURN_IF_ERROR(stream->wait());
    const size_t doubled = std::max(bytes + bytes / 8, 2 * memory.size());
    memory = Memory(); // first: the old one is of no use
    auto larger = Memory::allocate(device, doubled);
    if (!larger)
      return larger.status();
    memory = std::move(*larger);
  }
  return memory.address();
}

Expected<api::Pointer> SessionDevice::upload(List list, const void *values, size_t bytes) {
  auto memory = room(list, bytes);
  if (memory)
    FARO_RETURN_IF_ERROR(stream->toDevice(*memory, values, bytes));
  return memory;
}

uint64_t SessionDevice::alignmentOf(uint64_t rowBytes) {
  constexpr uint64_t Access = 32; // the widest that any device has
  return std::min(rowBytes & (~rowBytes + 1), Access);
}

} // namespace faro::cuda
