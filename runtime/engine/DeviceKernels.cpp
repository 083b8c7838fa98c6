// Kernels on the session's CUDA device, in its stream; or, for pushes across nodes, beside it in queues
// that kernels take them from (FARO_PUSHES=resident). There is one list of each kind on the device, though many
// launches may be in the stream: an upload is in the stream too, behind the launches that read the list before.
#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/engine/RowKernels.h"
#include "runtime/engine/RunContext.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace faro {

namespace {

using cuda::SessionDevice;
using cuda::api::Pointer;

Pointer onDevice(const void *address) { return reinterpret_cast<uintptr_t>(address); }

class DeviceKernels final : public RowKernels {
public:
  explicit DeviceKernels(const RunContext &run)
      : run(run), device(*run.parts.device),
        usesQueues(device.residentPushes && run.schedule->path == FARO_ABI_HIERARCHICAL) {}
  ~DeviceKernels() override {
    for (const Queue &each : queues)
      each.queue->leave();
  }

  Status push(uint32_t kernel, const void *source, int64_t stride, std::span<const uint32_t> offsets,
              std::span<const uint64_t> to) override {
    const int64_t rows = int64_t(offsets.size()) - 1;
    if (rows == 0 || offsets.front() == offsets.back())
      return Status::ok();
    if (usesQueues && device.kernels->hasResidentPush(kernel))
      return post(kernel, source, stride, offsets, to);
    FARO_RETURN_IF_ERROR(start());
    auto lists = uploadLists(offsets, to);
    if (!lists)
      return lists.status();
    return device.kernels->push(kernel, *device.stream, gridFor(rows), onDevice(source), stride, lists->offsets,
                                lists->addresses, 0, rows);
  }

  /// A launch for runs that lie in a raster, as a batch's tokens do: those between them go nowhere.
  Status copy(uint32_t kernel, std::span<const SourceRun> sources, std::span<const uint64_t> to) override {
    while (!sources.empty()) {
      const SourceRun &first = sources.front();
      offsets.assign(1, 0);
      uint32_t rows = 0; // copied so far
      size_t taken = 0;
      for (; taken < sources.size(); ++taken) {
        const SourceRun &next = sources[taken];
        const int64_t between = next.first - first.first, at = next.stride > 0 ? between / next.stride : 0;
        constexpr int64_t FarAway = 4096; // an entry costs less than a launch
        if (taken > 0 && (next.stride != first.stride || between != at * next.stride ||
                          at < int64_t(offsets.size()) - 1 || at > int64_t(offsets.size()) + FarAway))
          break;
        offsets.resize(size_t(at) + 1, rows);
        for (uint32_t i = 0; i < next.rows; ++i)
          offsets.push_back(++rows);
      }
      FARO_RETURN_IF_ERROR(push(kernel, first.first, first.stride, offsets, to.first(rows)));
      to = to.subspan(rows);
      sources = sources.subspan(taken);
    }
    return Status::ok();
  }

  Status pull(uint32_t kernel, void *out, int64_t stride, std::span<const uint32_t> offsets,
              std::span<const uint64_t> rows, std::span<const float> weights) override {
    const int64_t sums = int64_t(offsets.size()) - 1;
    if (sums == 0)
      return Status::ok();
    FARO_RETURN_IF_ERROR(start());
    auto lists = uploadLists(offsets, rows);
    if (!lists)
      return lists.status();
    auto factors = upload(SessionDevice::Weights, weights, offsets[0]);
    if (!factors)
      return factors.status();
    return device.kernels->pull(kernel, *device.stream, gridFor(sums), onDevice(out), stride, lists->offsets,
                                lists->addresses, *factors, 0, sums);
  }

  /// One launch for all runs, which may be as many as there are experts: each by itself would be one.
  Status zero(uint32_t kernel, std::byte *first, std::span<const RowRun> runs, bool) override {
    const uint64_t stride = run.program->row.stride;
    FARO_RETURN_IF_ERROR(start());
    if (runs.size() == 1)
      return device.stream->zero(onDevice(first + runs[0].first * stride), runs[0].count * stride);
    auto zeros = device.zeroRow(run.program->row.bytes);
    if (!zeros)
      return zeros.status();
    offsets.assign(1, 0);
    places.clear();
    for (const RowRun &rows : runs)
      for (uint64_t row = rows.first; row < rows.first + rows.count; ++row) {
        places.push_back(onDevice(first + row * stride));
        offsets.push_back(uint32_t(places.size()));
      }
    return push(kernel, reinterpret_cast<const void *>(uintptr_t(*zeros)), /*stride=*/0, offsets, places);
  }

  /// What was launched is before what will be, in one stream.
  Status awaitPushed() override {
    if (!queues.empty())
      FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    for (const Queue &each : queues)
      FARO_RETURN_IF_ERROR(each.queue->wait());
    return Status::ok();
  }

  Status seeArrived() override {
    FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    return device.device->flushRemoteWrites();
  }

  Expected<std::byte *> scratchRows(uint64_t bytes) override {
    FARO_RETURN_IF_ERROR(start());
    auto room = device.room(SessionDevice::ScratchRows, bytes);
    return room ? Expected<std::byte *>(reinterpret_cast<std::byte *>(uintptr_t(*room))) : room.status();
  }

  /// Twice what a large device has under way at a time: 132 multiprocessors with four rows of 14 KiB each.
  uint64_t grainBytes() const override { return 16 << 20; }

  Expected<uint64_t> mark() override {
    Mark made;
    if (std::exchange(launched, false)) {
      auto set = device.marks.set(*device.stream);
      if (!set)
        return set;
      made.inStream = *set;
    }
    for (Queue &each : queues)
      if (each.posted)
        made.inQueues.emplace_back(each.queue, std::exchange(each.posted, 0));
    return made.inStream || !made.inQueues.empty() ? remember(std::move(made)) : Expected<uint64_t>(0);
  }

  Expected<uint64_t> markHeld() override {
    FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    auto set = device.marks.set(*device.stream);
    return set ? remember({*set, {}}) : set;
  }

  Expected<bool> passed(uint64_t mark) override {
    if (mark > reached)
      FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    for (; mark > reached; ++reached, marks.pop_front()) {
      auto over = isOver(marks.front());
      if (!over || !*over)
        return over;
    }
    return true;
  }

  void drain() override {
    if ((!launched && marks.empty() && std::ranges::all_of(queues, [](const Queue &each) { return !each.posted; })) ||
        !device.device->makeCurrent())
      return;
    for (Queue &each : queues) {
      each.queue->drain();
      each.posted = 0;
    }
    (void)device.stream->wait();
    device.marks.passedAll();
    launched = false;
    reached += marks.size();
    marks.clear();
  }

private:
  /// What was launched or posted up to a place.
  struct Mark {
    uint64_t inStream = 0;
    std::vector<std::pair<cuda::PushQueue *, uint64_t>> inQueues;
  };
  struct Queue {
    uint32_t kernel;
    cuda::PushQueue *queue;
    uint64_t posted; ///< since the last mark, the last; 0: nothing
  };

  uint64_t remember(Mark mark) {
    marks.push_back(std::move(mark));
    return reached + marks.size();
  }

  Expected<bool> isOver(Mark &mark) {
    if (mark.inStream) {
      auto over = device.marks.passed(mark.inStream);
      if (!over || !*over)
        return over;
    }
    for (; !mark.inQueues.empty(); mark.inQueues.pop_back()) {
      auto over = mark.inQueues.back().first->passed(mark.inQueues.back().second);
      if (!over || !*over)
        return over;
    }
    return true;
  }

  Status post(uint32_t kernel, const void *source, int64_t stride, std::span<const uint32_t> offsets,
              std::span<const uint64_t> to) {
    FARO_RETURN_IF_ERROR(device.device->makeCurrent());
    auto at = std::ranges::find(queues, kernel, &Queue::kernel);
    if (at == queues.end()) {
      auto queue = device.queue(kernel, run.program->row.bytes, run.parts.communicator->timeout());
      if (!queue)
        return queue.status();
      // The rows may still be written by what the caller's stream holds.
      FARO_RETURN_IF_ERROR((*queue)->follow(*device.stream));
      at = queues.insert(queues.end(), {kernel, *queue, 0});
    }
    auto posted = at->queue->post(onDevice(source), stride, offsets, to);
    if (!posted)
      return posted.status();
    at->posted = *posted;
    ++run.parts.statistics->residentPushes;
    return Status::ok();
  }

  /// Before anything is put into the stream. Some of it is there when the rest fails.
  Status start() {
    launched = true;
    return device.device->makeCurrent();
  }

  cuda::Grid gridFor(int64_t rows) const {
    return cuda::Grid::of(uint64_t(rows), run.program->row.bytes, device.multiprocessors,
                          device.device->multiprocessors());
  }

  /// A list as a kernel takes it, which counts from the first entry of all.
  template <typename T> Expected<Pointer> upload(SessionDevice::List list, std::span<const T> values, uint32_t first) {
    auto there = device.upload(list, values.data(), values.size_bytes());
    return there ? Expected<Pointer>(*there - first * sizeof(T)) : there;
  }

  struct Lists {
    Pointer offsets, addresses;
  };
  Expected<Lists> uploadLists(std::span<const uint32_t> offsets, std::span<const uint64_t> addresses) {
    auto counts = device.upload(SessionDevice::Offsets, offsets.data(), offsets.size_bytes());
    if (!counts)
      return counts.status();
    auto entries = upload(SessionDevice::Addresses, addresses, offsets[0]);
    if (!entries)
      return entries.status();
    return Lists{*counts, *entries};
  }

  const RunContext &run;
  SessionDevice &device;
  std::vector<uint32_t> offsets;
  std::vector<uint64_t> places;
  const bool usesQueues;
  std::vector<Queue> queues; ///< that this run has used
  bool launched = false;     ///< something, since the last mark
  std::deque<Mark> marks;    ///< that are not passed, in order
  uint64_t reached = 0;      ///< marks that are
};

} // namespace

std::unique_ptr<RowKernels> kernelsOnDevice(const RunContext &run) { return std::make_unique<DeviceKernels>(run); }

} // namespace faro
