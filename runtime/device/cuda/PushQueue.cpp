#include "runtime/device/cuda/PushQueue.h"

#include "runtime/abi/faro_abi.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <thread>

namespace faro::cuda {

namespace {

/// How long blocks wait for the next push. Much longer than a launch takes, and a slice to arrive; and no hardship for
/// who waits until the device is idle, as for memory.
constexpr uint64_t LingerNs = 10'000'000;
constexpr uint64_t FirstLists = 1 << 20;

/// A list, and what lies behind it, begins at an address.
uint64_t inWords(uint64_t bytes) { return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t); }

uint64_t seen(uint64_t &word) { return std::atomic_ref(word).load(std::memory_order_acquire); }
void tell(uint64_t &word, uint64_t value) { std::atomic_ref(word).store(value, std::memory_order_release); }

} // namespace

Expected<std::unique_ptr<PushQueue>> PushQueue::create(std::shared_ptr<const Device> device, const Kernels &kernels,
                                                       uint32_t kernel, Grid grid, std::chrono::nanoseconds timeout) {
  std::unique_ptr<PushQueue> made(new PushQueue(device, kernels, kernel, grid, timeout));
  auto stream = Stream::create(device);
  auto ended = Event::create(device), before = Event::create(device);
  auto words = PinnedMemory::allocate(device, sizeof(faro_abi_push_queue) + grid.blocks * sizeof(faro_abi_block_state));
  auto lists = PinnedMemory::allocate(device, FirstLists);
  for (const Status &status : {stream.status(), ended.status(), before.status(), words.status(), lists.status()})
    FARO_RETURN_IF_ERROR(status);
  made->stream = std::move(*stream);
  made->ended = std::move(*ended);
  made->before = std::move(*before);
  made->words = std::move(*words);
  made->lists = std::move(*lists);
  made->queue = reinterpret_cast<faro_abi_push_queue *>(made->words->data());
  made->states = reinterpret_cast<faro_abi_block_state *>(made->queue + 1);
  return made;
}

PushQueue::~PushQueue() {
  if (!stream)
    return;
  const InContext current(*device);
  drain();
}

Status PushQueue::follow(Stream &other) {
  leave();
  FARO_RETURN_IF_ERROR(waitUntil([this] { return ended->test(); }, "left"));
  FARO_RETURN_IF_ERROR(before->record(other));
  return stream->follow(*before);
}

Expected<uint64_t> PushQueue::post(api::Pointer source, int64_t stride, std::span<const uint32_t> offsets,
                                   std::span<const uint64_t> to) {
  const uint64_t addressesAt = inWords(offsets.size_bytes()), bytes = addressesAt + to.size_bytes();
  if (posted >= FARO_ABI_QUEUE_ENTRIES)
    FARO_RETURN_IF_ERROR(waitFor(posted - FARO_ABI_QUEUE_ENTRIES + 1));
  auto room = roomFor(bytes);
  if (!room)
    return room;
  std::byte *memory = lists->data() + *room;
  std::memcpy(memory, offsets.data(), offsets.size_bytes());
  if (!to.empty())
    std::memcpy(memory + addressesAt, to.data(), to.size_bytes());
  const api::Pointer there = lists->there() + *room;
  // A kernel's list of addresses counts from the first entry of all.
  queue->entries[posted % FARO_ABI_QUEUE_ENTRIES] = {
      source, stride, there, there + addressesAt - offsets[0] * sizeof(uint64_t), 0, int64_t(offsets.size()) - 1, {}};
  listed.push_back({++posted, *room, *room + bytes});
  tell(queue->posted, posted);
  FARO_RETURN_IF_ERROR(launchIfLeft());
  return posted;
}

Expected<bool> PushQueue::passed(uint64_t number) {
  if (number > done) {
    see();
    if (number > done) {
      FARO_RETURN_IF_ERROR(ended->test().status()); // of a kernel that failed
      FARO_RETURN_IF_ERROR(launchIfLeft());
    }
  }
  return number <= done;
}

void PushQueue::leave() { tell(queue->leave, launches_); }

void PushQueue::drain() {
  leave();
  (void)stream->wait();
}

/// What the blocks have done.
void PushQueue::see() {
  uint64_t least = posted;
  for (uint32_t block = 0; block < grid.blocks; ++block)
    least = std::min(least, seen(states[block].done));
  done = least;
  while (!listed.empty() && listed.front().number <= done)
    listed.pop_front();
}

/// Where a block has left, and something is posted to it, or may be: the launch ends, and another one goes on.
Status PushQueue::launchIfLeft() {
  const auto leftIts = [this](faro_abi_block_state &state) { return seen(state.left) == launches_; };
  if (launches_ > 0 && seen(queue->leave) < launches_ && std::none_of(states, states + grid.blocks, leftIts))
    return Status::ok();
  leave();
  ++launches_;
  FARO_RETURN_IF_ERROR(kernels.residentPush(kernel, *stream, grid, words->there(),
                                            words->there() + sizeof(faro_abi_push_queue), launches_, LingerNs));
  return ended->record(*stream);
}

template <typename Over> Status PushQueue::waitUntil(Over over, const char *what) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const Expected<bool> is = over();
    if (!is || *is)
      return is.status();
    if (std::chrono::steady_clock::now() > deadline)
      return {FARO_DEADLINE_EXCEEDED,
              fmt::format("the kernel that waits for pushes on {} has not {} after {:.1f} s; it "
                          "has done {} of {} pushes",
                          device->name(), what, std::chrono::duration<double>(timeout).count(), done, posted)};
    std::this_thread::yield();
  }
}

Status PushQueue::waitFor(uint64_t number) {
  return waitUntil([&] { return passed(number); }, "done what it is to do");
}

/// Where in the ring of lists there is so much room, of whole words, in one piece.
Expected<uint64_t> PushQueue::roomFor(uint64_t bytes) {
  if (bytes > lists->size()) {
    FARO_RETURN_IF_ERROR(waitFor(posted));
    drain(); // who pins memory may have to wait until the device is idle
    auto larger = PinnedMemory::allocate(device, std::max(bytes, 2 * lists->size()));
    if (!larger)
      return larger.status();
    lists = std::move(*larger);
  }
  while (true) {
    see();
    if (listed.empty())
      return uint64_t(0);
    const uint64_t begin = listed.front().begin, end = listed.back().end;
    const bool wraps = listed.back().begin < begin;
    if (!wraps && end + bytes <= lists->size())
      return end;
    if (!wraps && bytes <= begin)
      return uint64_t(0);
    if (wraps && end + bytes <= begin)
      return end;
    FARO_RETURN_IF_ERROR(waitFor(listed.front().number));
  }
}

} // namespace faro::cuda
