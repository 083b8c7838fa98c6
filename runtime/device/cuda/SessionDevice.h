// What a session has on its device: the module's kernels, a stream for its calls, and the lists that kernels read.
#pragma once

#include "faro/session.h"
#include "runtime/device/cuda/Device.h"
#include "runtime/device/cuda/PushQueue.h"
#include "runtime/device/cuda/StreamMarks.h"
#include "runtime/device/cuda/UploadRing.h"

#include <array>
#include <map>

namespace faro::cuda {

/// Of a device, as the driver counts those that this process may use: 90 for compute capability 9.0.
Expected<uint32_t> architectureOf(int number);

/// FARO_PUSHES: `launched`, as when it is not set, or `resident`. Whether the latter.
Expected<bool> residentPushesFromEnvironment();

class SessionDevice {
public:
  /// Errors: as of Driver::get, Device::open and Kernels::load; INVALID_ARGUMENT for more multiprocessors than there
  /// are, or another FARO_PUSHES than `launched` and `resident`; UNAVAILABLE for `resident` where the module has no
  /// such kernels.
  static Expected<std::unique_ptr<SessionDevice>> create(const SessionOptions &options,
                                                         std::shared_ptr<const Module> module);

  /// Lists of a launch, and rows that one launch leaves for the next. There is one of each, however many launches the
  /// stream holds: an upload stands in the stream too, behind the launches that read the list before.
  enum List : uint8_t { Offsets, Addresses, Weights, ScratchRows, Lists };
  /// The values may change when this returns.
  Expected<api::Pointer> upload(List list, const void *values, size_t bytes);
  /// Room for so many bytes, with whatever is in it.
  Expected<api::Pointer> room(List list, size_t bytes);

  /// Where kernel `kernel` waits for pushes of rows of `rowBytes`; made when it is first asked for.
  Expected<PushQueue *> queue(uint32_t kernel, uint64_t rowBytes, std::chrono::nanoseconds timeout);

  /// A row of so many bytes, all zeros: to push it where zeros belong.
  Expected<api::Pointer> zeroRow(uint64_t rowBytes);

  /// What rows of the user must start at a multiple of, and lie apart: kernels are written for that.
  static uint64_t alignmentOf(uint64_t rowBytes);

  const std::shared_ptr<Device> device;
  const std::unique_ptr<Kernels> kernels;
  const std::unique_ptr<Stream> stream;
  /// Where in the stream the work of stages ends. The stream itself may be the caller's, with more behind.
  StreamMarks marks;
  const uint32_t multiprocessors; ///< that kernels may take
  /// FARO_PUSHES=resident: pushes across nodes are done by kernels that wait for them.
  const bool residentPushes;

private:
  SessionDevice(std::shared_ptr<Device> device, std::unique_ptr<Kernels> kernels, std::unique_ptr<Stream> stream,
                uint32_t multiprocessors, bool residentPushes)
      : device(std::move(device)), kernels(std::move(kernels)), stream(std::move(stream)), marks(this->device),
        multiprocessors(multiprocessors), residentPushes(residentPushes), uploads(this->device) {}
  std::array<Memory, Lists> lists;
  UploadRing uploads;
  Memory zeros;
  std::map<uint32_t, std::unique_ptr<PushQueue>> queues; ///< by kernel
};

} // namespace faro::cuda
