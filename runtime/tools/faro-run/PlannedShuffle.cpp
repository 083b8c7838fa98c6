// Planned on the device: each call puts kernels into a stream, and waits for it, so that its time is that of the work.
#include "runtime/tools/faro-run/Shuffle.h"

#include "faro/device_shuffle.h"
#include "runtime/device/cuda/Device.h"

#include <algorithm>

namespace faro::run {

namespace {

template <typename T> const T *pointer(const cuda::Memory &memory) {
  return reinterpret_cast<const T *>(uintptr_t(memory.address()));
}

/// Rows of the fullest rank, padding included: what all windows are made for.
Expected<int64_t> mostRows(const Job &job, const Inputs &inputs) {
  const reference::Program &program = job.reference;
  std::vector<uint64_t> items(program.placement.experts()), rows(job.ranks());
  for (uint32_t source = 0; source < job.ranks(); ++source) {
    Expected<RankInput> input = inputs.read(source, /*withRows=*/false);
    if (!input)
      return input.status();
    for (const int64_t expert : input->routing.topkIdx)
      if (expert >= 0)
        ++items.at(size_t(expert));
  }
  const uint64_t align = program.layout.align;
  for (uint32_t expert = 0; expert < items.size(); ++expert)
    rows[program.placement.owner(expert, job.ranks())] += (items[expert] + align - 1) / align * align;
  return int64_t(*std::ranges::max_element(rows));
}

class PlannedShuffle final : public Shuffle {
public:
  static Expected<std::unique_ptr<Shuffle>> create(std::shared_ptr<Communicator> communicator, ShuffleTerms terms);

  Status prepare() override {
    FARO_RETURN_IF_ERROR(
        shuffle_->enqueuePlan(stream_->handle(), pointer<int64_t>(topkIdx_), int64_t(terms_.own.tokens())));
    return shuffle_->status(stream_->handle());
  }
  Status reserve() override { return Status::ok(); } // made with the shuffle
  Expected<Received> dispatch(ConstRows x) override;
  Expected<Rows> expertRows() override { return used(shuffle_->expertRows()); }
  Status combine(ConstRows, Rows out) override {
    FARO_RETURN_IF_ERROR(shuffle_->enqueueCombine(stream_->handle(), pointer<float>(weights_), out));
    return shuffle_->status(stream_->handle());
  }
  Expected<std::optional<std::vector<Source>>> sources() override { return std::optional<std::vector<Source>>(); }
  SessionStatistics statistics() const override {
    const Rows received = shuffle_->received();
    const uint64_t window = uint64_t(received.rows * received.stride);
    SessionStatistics statistics;
    statistics.windowBytes = shuffle_->expertRows().data == received.data ? window : 2 * window;
    return statistics;
  }

private:
  explicit PlannedShuffle(ShuffleTerms terms) : terms_(std::move(terms)) {}
  Rows used(const Rows &room) const { return {room.data, offsets_.back(), room.stride}; }
  Status put(cuda::Memory &to, const void *from, size_t bytes);
  template <typename T> Status get(std::vector<T> &to, const T *from) {
    return stream_->toHost(to.data(), reinterpret_cast<uintptr_t>(from), to.size() * sizeof(T));
  }

  const ShuffleTerms terms_;
  std::shared_ptr<cuda::Device> device_;
  std::unique_ptr<DeviceShuffle> shuffle_;
  std::unique_ptr<cuda::Stream> stream_;
  cuda::Memory topkIdx_, weights_;
  std::vector<int64_t> offsets_, counts_; ///< of the last dispatch, on the host
};

Expected<std::unique_ptr<Shuffle>> PlannedShuffle::create(std::shared_ptr<Communicator> communicator,
                                                          ShuffleTerms terms) {
  std::unique_ptr<PlannedShuffle> made(new PlannedShuffle(std::move(terms)));
  const ShuffleTerms &given = made->terms_;
  Expected<int64_t> rows = mostRows(given.job, given.inputs);
  if (!rows)
    return rows.status();
  DeviceShuffleOptions options;
  options.dispatch = given.job.dispatch;
  options.combine = given.job.combine;
  options.cudaDevice = given.options.cudaDevice;
  options.mostTokens = int64_t(given.own.tokens());
  options.mostRows = *rows;
  options.inPlace = given.options.expertsFn == ExpertsFn::Identity;
  auto shuffle = DeviceShuffle::create(std::move(communicator), given.job.module, options);
  if (!shuffle)
    return shuffle.status();
  made->shuffle_ = std::move(*shuffle);
  made->counts_.resize(size_t(made->shuffle_->localExperts()));
  made->offsets_.resize(made->counts_.size() + 1);
  auto device = cuda::Device::open(options.cudaDevice);
  if (!device)
    return device.status();
  made->device_ = std::move(*device);
  FARO_RETURN_IF_ERROR(made->device_->makeCurrent());
  auto stream = cuda::Stream::create(made->device_);
  if (!stream)
    return stream.status();
  made->stream_ = std::move(*stream);
  const std::vector<int64_t> &topkIdx = given.own.routing.topkIdx;
  FARO_RETURN_IF_ERROR(made->put(made->topkIdx_, topkIdx.data(), topkIdx.size() * sizeof(int64_t)));
  FARO_RETURN_IF_ERROR(made->put(made->weights_, given.own.weights.data(), given.own.weights.size() * sizeof(float)));
  FARO_RETURN_IF_ERROR(made->stream_->wait());
  return std::unique_ptr<Shuffle>(std::move(made));
}

Status PlannedShuffle::put(cuda::Memory &to, const void *from, size_t bytes) {
  auto memory = cuda::Memory::allocate(device_, bytes);
  if (!memory)
    return memory.status();
  to = std::move(*memory);
  return stream_->toDevice(to.address(), from, bytes);
}

Expected<Received> PlannedShuffle::dispatch(ConstRows x) {
  FARO_RETURN_IF_ERROR(shuffle_->enqueuePush(stream_->handle(), x));
  FARO_RETURN_IF_ERROR(shuffle_->status(stream_->handle()));
  FARO_RETURN_IF_ERROR(get(offsets_, shuffle_->expertOffsets()));
  FARO_RETURN_IF_ERROR(get(counts_, shuffle_->expertCounts()));
  FARO_RETURN_IF_ERROR(stream_->wait());
  return Received{used(shuffle_->received()), offsets_, counts_};
}

} // namespace

Expected<std::unique_ptr<Shuffle>> plannedShuffle(std::shared_ptr<Communicator> communicator, ShuffleTerms terms) {
  return PlannedShuffle::create(std::move(communicator), std::move(terms));
}

} // namespace faro::run
