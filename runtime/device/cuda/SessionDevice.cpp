#include "runtime/device/cuda/SessionDevice.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace faro::cuda {

Expected<uint32_t> architectureOf(int number) {
  auto device = Device::open(number);
  if (!device)
    return device.status();
  return (*device)->architecture();
}

Expected<bool> residentPushesFromEnvironment() {
  const char *given = std::getenv("FARO_PUSHES");
  const std::string wanted = given ? given : "";
  if (!wanted.empty() && wanted != "launched" && wanted != "resident")
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("FARO_PUSHES={}: pushes of slices are `launched` one by one, as when it is left out, or "
                              "done by a `resident` kernel that waits for them",
                              wanted));
  return wanted == "resident";
}

Expected<std::unique_ptr<SessionDevice>> SessionDevice::create(const SessionOptions &options,
                                                               std::shared_ptr<const Module> module) {
  const auto resident = residentPushesFromEnvironment();
  if (!resident)
    return resident.status();
  auto device = Device::open(options.cudaDevice);
  if (!device)
    return device.status();
  const auto multiprocessors = (*device)->share(options.cudaMultiprocessors);
  if (!multiprocessors)
    return multiprocessors.status();
  const InContext current(**device);
  FARO_RETURN_IF_ERROR(current.status());
  auto kernels = Kernels::load(*device, std::move(module));
  if (!kernels)
    return kernels.status();
  // A kernel that is loaded when it is launched first may wait for all that run, and resident ones wait for pushes.
  FARO_RETURN_IF_ERROR((*kernels)->loadAll());
  if (*resident && !(*kernels)->hasResidentPushes())
    return Status(FARO_UNAVAILABLE,
                  "FARO_PUSHES=resident, but the module's kernels for the device have no such form: compile it by this "
                  "version of faroc, or ask for it (CompileTargets::residentPushes); or leave FARO_PUSHES out");
  auto stream = options.cudaStream ? Stream::borrow(*device, options.cudaStream) : Stream::create(*device);
  if (!stream)
    return stream.status();
  return std::unique_ptr<SessionDevice>(
      new SessionDevice(std::move(*device), std::move(*kernels), std::move(*stream), *multiprocessors, *resident));
}

Expected<PushQueue *> SessionDevice::queue(uint32_t kernel, uint64_t rowBytes, std::chrono::nanoseconds timeout) {
  std::unique_ptr<PushQueue> &queue = queues[kernel];
  if (!queue) {
    // A block a multiprocessor: there is room beside it for a second such kernel, and for what is launched.
    Grid grid = Grid::of(multiprocessors, rowBytes, multiprocessors, multiprocessors);
    grid.blocks = multiprocessors;
    grid.multiprocessors = 0; // all of them are counted on
    auto made = PushQueue::create(device, *kernels, kernel, grid, timeout);
    if (!made)
      return made.status();
    queue = std::move(*made);
  }
  return queue.get();
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
    FARO_RETURN_IF_ERROR(uploads.upload(*stream, *memory, values, bytes));
  return memory;
}

Expected<api::Pointer> SessionDevice::zeroRow(uint64_t rowBytes) {
  if (zeros.size() < rowBytes) {
    // A launch that is under way may read the old one.
    if (zeros.size() > 0)
      FARO_RETURN_IF_ERROR(stream->wait());
    auto made = Memory::zeroed(device, rowBytes);
    if (!made)
      return made.status();
    zeros = std::move(*made);
  }
  return zeros.address();
}

uint64_t SessionDevice::alignmentOf(uint64_t rowBytes) {
  constexpr uint64_t Access = 32; // the widest that any device has
  return std::min(rowBytes & (~rowBytes + 1), Access);
}

} // namespace faro::cuda
