// Pushes that a kernel does which is there already, waiting for them: no launch for each. The host is its proxy to
// everything else: it posts a push when a slice has arrived, or when a slot to send from is free, and asks by a word a
// block when it is done.
//
//   post ──entry, lists──► faro_abi_push_queue ──posted──► the kernel's blocks ──done──► passed
//
// All of that lies in pinned host memory. The kernel is launched by the first push, ends when it is told to leave, and
// by itself when nothing was posted for some time, so that it holds nobody up for long who waits for the device; what
// is posted then launches it again.
#pragma once

#include "runtime/device/cuda/PinnedMemory.h"

#include <chrono>
#include <deque>
#include <span>

struct faro_abi_push_queue;
struct faro_abi_block_state;

namespace faro::cuda {

/// One thread uses it, with the device current.
class PushQueue {
public:
  /// For kernel `kernel` of the set, which must have a resident form. Each launch has as many blocks as `grid`.
  static Expected<std::unique_ptr<PushQueue>> create(std::shared_ptr<const Device> device, const Kernels &kernels,
                                                     uint32_t kernel, Grid grid, std::chrono::nanoseconds timeout);
  /// Waits for the kernel, which leaves when it has done what is posted.
  ~PushQueue();
  PushQueue(const PushQueue &) = delete;
  PushQueue &operator=(const PushQueue &) = delete;

  /// What is posted from now on is done behind what the stream holds. A kernel that is there does not know that: it is
  /// waited for, within the time-out, unless it has left long ago, as after `leave`.
  Status follow(Stream &stream);
  /// As Kernels::push, for offsets.size() - 1 rows; `to` begins with entry offsets[0]. The lists may change when this
  /// returns. A number greater than any before. Waits, within the time-out, when the queue is full.
  Expected<uint64_t> post(api::Pointer source, int64_t stride, std::span<const uint32_t> offsets,
                          std::span<const uint64_t> to);
  /// Whether push `number`, and so each before it, is done. A kernel that failed is an error here.
  Expected<bool> passed(uint64_t number);
  /// Until all that is posted is done, within the time-out.
  Status wait() { return waitFor(posted); }
  /// The kernel ends when it has done what is posted. Does not wait.
  void leave();
  /// The same, and waits for it.
  void drain();

  uint64_t launches() const { return launches_; }

private:
  PushQueue(std::shared_ptr<const Device> device, const Kernels &kernels, uint32_t kernel, Grid grid,
            std::chrono::nanoseconds timeout)
      : device(std::move(device)), kernels(kernels), kernel(kernel), grid(grid), timeout(timeout) {}

  /// A push's lists.
  struct Lists {
    uint64_t number, begin, end; ///< in the ring of lists
  };

  void see();
  Status launchIfLeft();
  template <typename Over> Status waitUntil(Over over, const char *what);
  Status waitFor(uint64_t number);
  Expected<uint64_t> roomFor(uint64_t bytes);

  const std::shared_ptr<const Device> device;
  const Kernels &kernels;
  const uint32_t kernel;
  const Grid grid;
  const std::chrono::nanoseconds timeout;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Event> ended; ///< behind the last launch
  std::unique_ptr<Event> before;
  std::unique_ptr<PinnedMemory> words, lists;
  faro_abi_push_queue *queue = nullptr;
  faro_abi_block_state *states = nullptr;
  std::deque<Lists> listed; ///< of pushes that may not be done, in order
  uint64_t posted = 0, done = 0, launches_ = 0;
};

} // namespace faro::cuda
