#include "runtime/tools/faro-run/Rank.h"

#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/tools/faro-run/DeviceRows.h"
#include "runtime/tools/faro-run/Output.h"
#include "runtime/tools/faro-run/Shuffle.h"

#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <numeric>

namespace faro::run {

namespace {

uint64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000u + uint64_t(time.tv_nsec);
}

class RankRun {
public:
  explicit RankRun(const RankWork &work)
      : work_(work), communicator_(*work.communicator),
        experts_(work.options.expertsFn, work.job.reference.element, work.job.reference.columns) {
    result_.rank = communicator_.rank();
  }

  Status run();
  RankResult takeResult() { return std::move(result_); }

private:
  Status makeShuffle();
  Status moveToDevice();
  Status once(uint32_t repeat);
  Status playExperts(uint32_t repeat);
  Status findExpertOfRows();
  Status finish();
  Wire wireSince(const SessionStatistics &before) const {
    const SessionStatistics after = shuffle_->statistics();
    return {after.wireRows - before.wireRows,
            after.wireBytes - before.wireBytes,
            after.slices - before.slices,
            after.wireRowsReceived - before.wireRowsReceived,
            after.creditWaitNs - before.creditWaitNs,
            after.wireDeviceBytes - before.wireDeviceBytes,
            after.residentPushes - before.residentPushes};
  }

  /// Runs `part` when all ranks are here, so that its time holds no other rank's lateness, and notes how long it took.
  template <typename Part> Status timed(const char *name, uint32_t repeat, std::vector<uint64_t> &into, Part part) {
    FARO_RETURN_IF_ERROR(communicator_.barrier());
    return timedAlone(name, repeat, &into, part);
  }
  template <typename Part>
  Status timedAlone(const char *name, uint32_t repeat, std::vector<uint64_t> *into, Part part) {
    const uint64_t begin = now();
    Status status = part();
    const uint64_t duration = now() - begin;
    if (into)
      into->push_back(duration);
    if (!work_.options.trace.empty())
      result_.trace.push_back({name, repeat, begin, duration, TraceEvent::Call});
    return status;
  }

  const RankWork &work_;
  Communicator &communicator_;
  ExpertsFunction experts_;
  RankResult result_;
  RankInput input_;
  std::optional<Verifier> verifier_;
  Received received_;
  uint32_t repeat_ = 0;              ///< the one under way
  std::vector<int64_t> expertOfRow_; ///< -1: padding
  ConstRows y_;                      ///< the experts' outputs
  std::unique_ptr<std::byte[], void (*)(void *)> combinedMemory_{nullptr, std::free};
  Rows combined_;
  // With rows on a device: their places there. The above are copies in host memory.
  std::unique_ptr<DeviceRows> device_;
  ConstRows tokens_;
  Rows receivedThere_, combinedThere_;
  std::unique_ptr<Shuffle> shuffle_; ///< last: until it is destroyed, a device may be at work on rows
};

Status RankRun::run() {
  work_.progress.enter(Phase::ReadingInput);
  Expected<RankInput> input = work_.inputs.read(communicator_.rank(), /*withRows=*/true);
  if (!input)
    return input.status();
  input_ = std::move(*input);
  result_.tokens = int64_t(input_.tokens());

  work_.progress.enter(Phase::SettingUp);
  FARO_RETURN_IF_ERROR(makeShuffle());
  if (work_.options.verify) {
    work_.progress.enter(Phase::Expecting);
    Expected<Verifier> verifier = Verifier::create(work_.job, communicator_.rank(), work_.inputs, input_, experts_);
    if (!verifier)
      return verifier.status();
    verifier_.emplace(std::move(*verifier));
    work_.progress.enter(Phase::SettingUp);
  }
  if (work_.job.combine) {
    // Rows as far apart as Faro lays its own, so that whole cache lines can be stored past the cache.
    const faro_abi_row &row = work_.job.combine->row;
    // On a device they lie whole accesses apart, which the stride of an edited schedule may not be.
    const bool isWhole = work_.options.cudaDevice < 0 || row.stride % cuda::SessionDevice::alignmentOf(row.bytes) == 0;
    const uint64_t stride = isWhole ? row.stride : row.bytes;
    const size_t bytes = (input_.tokens() * stride + 63) / 64 * 64;
    combinedMemory_.reset(static_cast<std::byte *>(std::aligned_alloc(64, std::max<size_t>(bytes, 64))));
    if (!combinedMemory_)
      return {FARO_OUT_OF_MEMORY,
              fmt::format("rank {}: no memory for {} bytes of combined tokens", result_.rank, bytes)};
    combined_ = {combinedMemory_.get(), int64_t(input_.tokens()), int64_t(stride)};
    // What is never written shows as NaNs, not as what a fresh page happens to hold.
    std::memset(combinedMemory_.get(), 0xff, std::max<size_t>(bytes, 64));
  }
  tokens_ = {input_.rows, int64_t(input_.tokens()), int64_t(work_.job.reference.rowBytes())};
  combinedThere_ = combined_;
  if (work_.options.cudaDevice >= 0)
    FARO_RETURN_IF_ERROR(moveToDevice());
  for (uint32_t repeat = 0; repeat < work_.options.repeat; ++repeat)
    FARO_RETURN_IF_ERROR(once(repeat));
  return finish();
}

Status RankRun::makeShuffle() {
  ShuffleTerms terms{work_.options, work_.job, work_.inputs, input_, nullptr};
  if (!work_.options.trace.empty())
    terms.onStage = [this](const StageTime &time) {
      result_.trace.push_back(
          {time.stage, repeat_, time.beginNs, time.endNs - time.beginNs, int(time.resource), time.slice, time.peer});
    };
  const uint64_t begin = now();
  auto made = work_.options.planOnDevice ? plannedShuffle(work_.communicator, terms)
                                         : sessionShuffle(work_.communicator, terms);
  if (!made)
    return made.status();
  if (work_.options.planOnDevice) // which has all its memory from the beginning
    result_.reserveNs = now() - begin;
  shuffle_ = std::move(*made);
  return Status::ok();
}

Status RankRun::moveToDevice() {
  auto device = DeviceRows::open(work_.options.cudaDevice);
  if (!device)
    return device.status();
  device_ = std::move(*device);
  auto tokens = device_->putTokens(tokens_);
  if (!tokens)
    return tokens.status();
  tokens_ = *tokens;
  auto combined = device_->makeCombined(combined_);
  if (!combined)
    return combined.status();
  combinedThere_ = *combined;
  return Status::ok();
}

Status RankRun::once(uint32_t repeat) {
  repeat_ = repeat;
  ProgressSlot &progress = work_.progress;
  progress.enter(Phase::Preparing, repeat);
  FARO_RETURN_IF_ERROR(timed("prepare", repeat, result_.prepareNs, [&] { return shuffle_->prepare(); }));
  if (repeat == 0) { // new memory is paid for once, and not by the first dispatch
    std::vector<uint64_t> reserveNs;
    FARO_RETURN_IF_ERROR(timedAlone("reserve", repeat, &reserveNs, [&] { return shuffle_->reserve(); }));
    result_.reserveNs += reserveNs.front();
  }
  const SessionStatistics beforeDispatch = shuffle_->statistics();
  progress.enter(Phase::Dispatching);
  FARO_RETURN_IF_ERROR(timed("dispatch", repeat, result_.dispatchNs, [&]() -> Status {
    auto received = shuffle_->dispatch(tokens_);
    if (received)
      received_ = *received;
    return received.status();
  }));
  receivedThere_ = received_.rows;
  if (device_) {
    auto rows = device_->getReceived(receivedThere_);
    if (!rows)
      return rows.status();
    received_.rows = *rows;
  }
  result_.dispatchWire = wireSince(beforeDispatch);
  result_.movedRows = shuffle_->statistics().movedRows - beforeDispatch.movedRows;
  if (verifier_) {
    progress.enter(Phase::Verifying);
    verifier_->checkReceived(received_, result_.findings);
  }
  if (!work_.job.combine)
    return Status::ok();

  progress.enter(Phase::Experts);
  FARO_RETURN_IF_ERROR(playExperts(repeat));
  if (verifier_) {
    std::memset(combined_.data, 0xff, size_t(combined_.rows * combined_.stride));
    if (device_)
      FARO_RETURN_IF_ERROR(device_->putCombined(combined_));
  }
  const SessionStatistics beforeCombine = shuffle_->statistics();
  progress.enter(Phase::Combining);
  FARO_RETURN_IF_ERROR(
      timed("combine", repeat, result_.combineNs, [&] { return shuffle_->combine(y_, combinedThere_); }));
  if (device_)
    FARO_RETURN_IF_ERROR(device_->getCombined(combined_));
  result_.combineWire = wireSince(beforeCombine);
  if (verifier_) {
    progress.enter(Phase::Verifying);
    verifier_->checkCombined({combined_.data, combined_.rows, combined_.stride}, result_.findings);
  }
  return Status::ok();
}

Status RankRun::playExperts(uint32_t repeat) {
  if (experts_.isIdentity()) { // the rows are their own outputs, combined where they lie
    y_ = {receivedThere_.data, receivedThere_.rows, receivedThere_.stride};
    return Status::ok();
  }
  if (repeat == 0)
    FARO_RETURN_IF_ERROR(findExpertOfRows());
  Expected<Rows> outputs = shuffle_->expertRows();
  if (!outputs)
    return outputs.status();
  y_ = {outputs->data, outputs->rows, outputs->stride};
  if (outputs->rows != int64_t(expertOfRow_.size()) || received_.rows.rows != outputs->rows)
    return {FARO_INTERNAL, fmt::format("rank {}: received {} rows, with memory for the outputs of {}", result_.rank,
                                       received_.rows.rows, outputs->rows)};
  std::vector<std::byte> copy(device_ ? size_t(outputs->rows * outputs->stride) : 0);
  std::byte *const rows = device_ ? copy.data() : static_cast<std::byte *>(outputs->data);
  return timedAlone("experts", repeat, nullptr, [&] {
    for (int64_t row = 0; row < outputs->rows; ++row)
      if (expertOfRow_[size_t(row)] >= 0)
        experts_.apply(uint32_t(expertOfRow_[size_t(row)]),
                       static_cast<const std::byte *>(received_.rows.data) + row * received_.rows.stride,
                       rows + row * outputs->stride);
    return device_ ? device_->put(*outputs, rows) : Status::ok();
  });
}

Status RankRun::findExpertOfRows() {
  expertOfRow_.assign(size_t(received_.rows.rows), -1);
  const std::vector<uint32_t> local = work_.job.reference.placement.expertsOf(result_.rank, work_.job.ranks());
  if (work_.job.expertFirst()) {
    if (received_.expertOffsets.size() != local.size() + 1 || received_.expertCounts.size() != local.size())
      return {FARO_INTERNAL, fmt::format("rank {}: got {} expert offsets and {} counts for {} experts", result_.rank,
                                         received_.expertOffsets.size(), received_.expertCounts.size(), local.size())};
    for (size_t e = 0; e < local.size(); ++e)
      for (int64_t i = 0; i < received_.expertCounts[e]; ++i)
        expertOfRow_.at(size_t(received_.expertOffsets[e] + i)) = local[e];
    return Status::ok();
  }
  // Other layouts do not say where an expert's rows are: ask where each row came from, and look its choice up.
  Expected<std::optional<std::vector<Source>>> found = shuffle_->sources();
  if (!found)
    return found.status();
  const std::vector<Source> sources =
      std::move(*found).value_or(std::vector<Source>()); // expert-first where it does not know
  std::vector<reference::Routing> routings;
  for (uint32_t source = 0; source < work_.job.ranks(); ++source) {
    Expected<RankInput> input = work_.inputs.read(source, /*withRows=*/false);
    if (!input)
      return input.status();
    routings.push_back(std::move(input->routing));
  }
  for (size_t row = 0; row < std::min(sources.size(), expertOfRow_.size()); ++row)
    if (const Source &source = sources[row]; source.rank >= 0)
      expertOfRow_[row] = routings.at(size_t(source.rank))
                              .topkIdx.at(size_t(source.token * int64_t(work_.job.reference.topk) + source.choice));
  return Status::ok();
}

Status RankRun::finish() {
  result_.rows = received_.rows.rows;
  result_.items = std::accumulate(received_.expertCounts.begin(), received_.expertCounts.end(), int64_t(0));
  if (verifier_ || work_.outputFd >= 0) {
    Expected<std::optional<std::vector<Source>>> sources = shuffle_->sources();
    if (!sources)
      return sources.status();
    if (verifier_ && *sources) {
      work_.progress.enter(Phase::Verifying);
      verifier_->checkSources(**sources, result_.findings);
    }
    if (work_.outputFd >= 0) {
      work_.progress.enter(Phase::Writing);
      const std::optional<Rows> combined = work_.job.combine ? std::optional(combined_) : std::nullopt;
      FARO_RETURN_IF_ERROR(writeOutput(work_.outputFd, work_.outputPath, work_.job, received_, *sources, combined));
    }
  }
  const SessionStatistics statistics = shuffle_->statistics();
  result_.windowBytes = statistics.windowBytes;
  result_.stagedBytes = statistics.stagedBytes;
  result_.windowGrowths = statistics.windowGrowths;
  // Nobody leaves while another still reads its memory.
  work_.progress.enter(Phase::Finishing);
  FARO_RETURN_IF_ERROR(communicator_.barrier());
  work_.progress.enter(Phase::Done);
  return Status::ok();
}

} // namespace

Expected<RankResult> runRank(const RankWork &work) {
  try {
    RankRun run(work);
    if (Status status = run.run(); !status) {
      work.communicator->abort(status);
      return status;
    }
    return run.takeResult();
  } catch (const std::bad_alloc &) {
    const Status status(FARO_OUT_OF_MEMORY, fmt::format("rank {}: out of memory", work.communicator->rank()));
    work.communicator->abort(status);
    return status;
  } catch (const std::exception &error) {
    const Status status(FARO_INTERNAL, fmt::format("rank {}: {}", work.communicator->rank(), error.what()));
    work.communicator->abort(status);
    return status;
  }
}

} // namespace faro::run
