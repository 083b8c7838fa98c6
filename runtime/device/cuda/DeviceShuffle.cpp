// The calls of a shuffle that is planned on devices: what is launched, in which order. Who may write where and when is
// in the order of the meetings (docs/cuda.md, "Planning on the device").
#include "faro/device_shuffle.h"

#include "runtime/core/PeerWatch.h"
#include "runtime/device/cuda/PlanMemory.h"
#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/device/cuda/ShuffleCheck.h"
#include "runtime/device/cuda/ShuffleTerms.h"
#include "runtime/plan/PlanCheck.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::cuda {
namespace {

api::Pointer onDevice(const void *address) { return reinterpret_cast<uintptr_t>(address); }
template <typename T> T *pointerTo(uint64_t address) { return reinterpret_cast<T *>(uintptr_t(address)); }

/// A stage that every program on one node has.
const faro_abi_stage &directStage(const faro_abi_program &program, faro_abi_stage_op op) {
  return *stageOf(*scheduleOf(program, FARO_ABI_DIRECT), op);
}

class DeviceShuffleImpl final : public DeviceShuffle {
public:
  static Expected<std::unique_ptr<DeviceShuffle>> create(const std::shared_ptr<Communicator> &communicator,
                                                         const std::shared_ptr<const Module> &module,
                                                         DeviceShuffleOptions options);
  ~DeviceShuffleImpl() override {
    if (device)
      leaving.emplace(*device);
  }

  Status enqueueDispatch(void *stream, const int64_t *topkIdx, ConstRows x, const int64_t *tokens) override;
  Status enqueuePlan(void *stream, const int64_t *topkIdx, int64_t rows, const int64_t *tokens) override;
  Status enqueuePush(void *stream, ConstRows x) override;
  Status enqueueCombine(void *stream, const float *weights, Rows out) override;
  Status status(void *stream) override;

  Rows received() const override { return rowsAt(receivedBase); }
  Rows expertRows() const override { return rowsAt(outputsBase); }
  const int64_t *expertOffsets() const override { return pointerTo<const int64_t>(memory->area().expert_offsets); }
  const int64_t *expertCounts() const override { return pointerTo<const int64_t>(memory->area().expert_counts); }
  int64_t localExperts() const override { return local; }

private:
  DeviceShuffleImpl() = default;
  /// What a call works with.
  struct Used {
    InContext current;
    std::unique_ptr<Stream> stream;
  };
  Rows rowsAt(uint64_t base) const { return {pointerTo<void>(base), options.mostRows, stride()}; }
  int64_t stride() const { return int64_t(options.dispatch->row.stride); }

  Grid rowGrid(int64_t rows) const {
    return Grid::of(uint64_t(rows), options.dispatch->row.bytes, multiprocessors, device->multiprocessors());
  }
  Status plan(Stream &stream, uint32_t kernel, Grid grid, const void *given, const int64_t *tokens,
              int64_t number) const {
    return kernels->plan(kernel, stream, grid, memory->address(), onDevice(given), onDevice(tokens), number);
  }
  Status meet(Stream &stream, faro_abi_meeting meeting) const;
  Expected<Used> use(void *stream) const;
  Status checkRows(const char *call, const void *data, int64_t rows, int64_t apart) const;
  std::string describe(const std::vector<uint64_t> &words) const;

  std::optional<InContext> leaving; ///< first: while the members below give back what they have on the device
  std::shared_ptr<Communicator> communicator;
  std::shared_ptr<const Module> module;
  DeviceShuffleOptions options;
  std::shared_ptr<Device> device;
  std::unique_ptr<Kernels> kernels;
  std::unique_ptr<PlanMemory> memory;
  std::unique_ptr<ShuffleCheck> check; ///< FARO_CHECK=1
  uint32_t multiprocessors = 0, experts = 0;
  int64_t local = 0;
  uint64_t receivedBase = 0, outputsBase = 0;
  int64_t tokens = 0;      ///< rows of the last plan
  bool planned = false;    ///< and its push is still to come
  bool hasThreads = false; ///< other ranks are threads of this process
};

Expected<std::unique_ptr<DeviceShuffle>> DeviceShuffleImpl::create(const std::shared_ptr<Communicator> &communicator,
                                                                   const std::shared_ptr<const Module> &module,
                                                                   DeviceShuffleOptions options) {
  if (!options.dispatch) {
    auto only = module->only(FARO_ABI_DISPATCH);
    if (!only)
      return only.status();
    options.dispatch = *only;
  }
  FARO_RETURN_IF_ERROR(agreeOnShuffle(*communicator, *module, options));
  auto map = makeExpertMap(options.dispatch->routes, communicator->size());
  if (!map)
    return map.status();
  auto device = Device::open(options.cudaDevice);
  if (!device)
    return device.status();
  const InContext current(**device);
  FARO_RETURN_IF_ERROR(current.status());
  const auto multiprocessors = (*device)->share(options.cudaMultiprocessors);
  if (!multiprocessors)
    return multiprocessors.status();
  auto kernels = Kernels::load(*device, module);
  if (!kernels)
    return kernels.status();
  FARO_RETURN_IF_ERROR((*kernels)->loadAll());
  auto memory = PlanMemory::create(communicator, *device, *options.dispatch, *map,
                                   {options.mostTokens, options.mostRows, options.inPlace});
  if (!memory)
    return memory.status();
  std::unique_ptr<DeviceShuffleImpl> made(new DeviceShuffleImpl());
  const uint32_t rank = communicator->rank();
  made->multiprocessors = *multiprocessors;
  made->experts = map->experts();
  made->local = map->firstOfRank[rank + 1] - map->firstOfRank[rank];
  made->communicator = communicator;
  made->module = module;
  made->options = options;
  made->device = std::move(*device);
  made->kernels = std::move(*kernels);
  made->memory = std::move(*memory);
  made->receivedBase = made->memory->receivedOf(rank);
  made->outputsBase = made->memory->outputsOf(rank);
  if (checksPlans()) {
    auto check =
        ShuffleCheck::create(made->device, *options.dispatch, std::move(*map), *made->memory, options.mostTokens);
    if (!check)
      return check.status();
    made->check = std::move(*check);
  }
  // An allocation may wait for all that runs on the device: nobody's kernels may wait for a rank that still makes one.
  const Digest process = ProcessPlace::mine().digest();
  const auto words = std::as_bytes(std::span(process));
  auto processes = communicator->allgather(Bytes(words.begin(), words.end()), "end of making a shuffle on devices");
  if (!processes)
    return processes.status();
  made->hasThreads = std::ranges::count(*processes, (*processes)[rank]) > 1;
  return std::unique_ptr<DeviceShuffle>(std::move(made));
}

Status DeviceShuffleImpl::checkRows(const char *call, const void *data, int64_t rows, int64_t apart) const {
  const faro_abi_row &row = options.dispatch->row;
  const uint64_t unit = SessionDevice::alignmentOf(row.bytes);
  if (rows == 0 || (data && apart >= int64_t(row.bytes) && onDevice(data) % unit == 0 && uint64_t(apart) % unit == 0))
    return Status::ok();
  return {
      FARO_INVALID_ARGUMENT,
      fmt::format("rank {}: {} of rows at {}, {} bytes apart; expected memory of the device, rows at least {} bytes "
                  "apart, both multiples of {}",
                  communicator->rank(), call, data, apart, row.bytes, unit)};
}

/// The caller's stream, and the device on this thread.
Expected<DeviceShuffleImpl::Used> DeviceShuffleImpl::use(void *stream) const {
  constexpr uintptr_t Legacy = 1; // CU_STREAM_LEGACY, which null stands for as well
  if (hasThreads && reinterpret_cast<uintptr_t>(stream) <= Legacy)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: the legacy default stream, which all ranks of this process share; expected a stream "
                    "of its own, for kernels of ranks wait for each other",
                    communicator->rank()));
  InContext current(*device);
  FARO_RETURN_IF_ERROR(current.status());
  return Used{std::move(current), Stream::borrow(device, stream)};
}

/// One thread a peer, one block: all of them wait at the same time, and take one multiprocessor.
Status DeviceShuffleImpl::meet(Stream &stream, faro_abi_meeting meeting) const {
  if (communicator->size() == 1) // its stream has the order
    return Status::ok();
  constexpr uint32_t Warp = 32, Most = 512;
  const uint32_t threads = std::min(Most, (communicator->size() + Warp - 1) / Warp * Warp);
  return plan(stream, options.dispatch->plan->meet, {1, threads}, nullptr, nullptr, meeting);
}

Status DeviceShuffleImpl::enqueueDispatch(void *cudaStream, const int64_t *topkIdx, ConstRows x,
                                          const int64_t *tokensOnDevice) {
  FARO_RETURN_IF_ERROR(checkRows("dispatch", x.data, x.rows, x.stride)); // a plan without its rows would hold up others
  FARO_RETURN_IF_ERROR(enqueuePlan(cudaStream, topkIdx, x.rows, tokensOnDevice));
  return enqueuePush(cudaStream, x);
}

Status DeviceShuffleImpl::enqueuePlan(void *cudaStream, const int64_t *topkIdx, int64_t rows,
                                      const int64_t *tokensOnDevice) {
  const faro_abi_plan_kernels &plans = *options.dispatch->plan;
  // A peer may still read its board: only the meeting behind the push says that it does not.
  if (planned)
    return {
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: a second plan; expected the push of the one before (enqueuePush)", communicator->rank())};
  if (rows < 0 || rows > options.mostTokens || (rows > 0 && !topkIdx))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: dispatch of {} rows by topk_idx at {}; expected at most the {} "
                        "that the shuffle was made for (mostTokens)",
                        communicator->rank(), rows, static_cast<const void *>(topkIdx), options.mostTokens)};
  const auto used = use(cudaStream);
  if (!used)
    return used.status();
  Stream *const stream = used->stream.get();
  tokens = rows;
  constexpr uint32_t Warp = 32, Most = 512;
  const uint32_t chunks = uint32_t(std::max<int64_t>(1, (tokens + plans.chunk_tokens - 1) / plans.chunk_tokens));
  // A thread an expert, and one for all of them; a thread a choice.
  const Grid byExpert{chunks, std::min(Most, (experts + Warp) / Warp * Warp)};
  const uint32_t choices = plans.chunk_tokens * options.dispatch->routes.topk;
  const Grid byChoice{chunks, std::min(Most, (choices + Warp - 1) / Warp * Warp)};
  FARO_RETURN_IF_ERROR(plan(*stream, plans.count, byExpert, topkIdx, tokensOnDevice, tokens));
  FARO_RETURN_IF_ERROR(plan(*stream, plans.scan, {(experts + Warp) / Warp, Warp}, nullptr, nullptr, tokens));
  // Behind this one nobody reads what an earlier batch stored here: each rank has come to its own stream's end of it.
  FARO_RETURN_IF_ERROR(meet(*stream, FARO_ABI_MEET_COUNTED));
  FARO_RETURN_IF_ERROR(plan(*stream, plans.offsets, {(experts + Warp - 1) / Warp, Warp}, nullptr, nullptr, tokens));
  FARO_RETURN_IF_ERROR(plan(*stream, plans.place, byChoice, topkIdx, tokensOnDevice, tokens));
  if (check)
    FARO_RETURN_IF_ERROR(check->keep(*stream, topkIdx, tokens, tokensOnDevice));
  planned = true;
  return Status::ok();
}

Status DeviceShuffleImpl::enqueuePush(void *cudaStream, ConstRows x) {
  const faro_abi_program &program = *options.dispatch;
  const faro_abi_plan_kernels &plans = *program.plan;
  if (!planned || x.rows != tokens)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: push of {} rows; expected {}", communicator->rank(), x.rows,
                        planned ? fmt::format("the {} of the plan before", tokens) : "a plan before it (enqueuePlan)")};
  FARO_RETURN_IF_ERROR(checkRows("dispatch", x.data, x.rows, x.stride));
  const auto used = use(cudaStream);
  if (!used)
    return used.status();
  Stream *const stream = used->stream.get();
  if (plans.pad != FARO_ABI_NO_KERNEL)
    FARO_RETURN_IF_ERROR(
        plan(*stream, plans.pad, rowGrid(local * (int64_t(program.layout.align) - 1)), nullptr, nullptr, tokens));
  FARO_RETURN_IF_ERROR(kernels->push(directStage(program, FARO_ABI_STAGE_PUSH).kernel, *stream, rowGrid(tokens),
                                     onDevice(x.data), x.stride, memory->area().list_offsets,
                                     memory->area().destinations, 0, tokens));
  planned = false;
  return meet(*stream, FARO_ABI_MEET_PUSHED);
}

Status DeviceShuffleImpl::enqueueCombine(void *cudaStream, const float *weights, Rows out) {
  if (!options.combine)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: combine of a shuffle that was made without one", communicator->rank())};
  if (planned)
    return {
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: combine of rows that were planned and not pushed (enqueuePush)", communicator->rank())};
  if (out.rows != tokens || (tokens > 0 && !weights))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: combine into {} rows with weights at {}; expected the {} rows of the dispatch before",
                        communicator->rank(), out.rows, static_cast<const void *>(weights), tokens)};
  FARO_RETURN_IF_ERROR(checkRows("combine", out.data, out.rows, out.stride));
  const auto used = use(cudaStream);
  if (!used)
    return used.status();
  Stream *const stream = used->stream.get();
  const faro_abi_program &program = *options.combine;
  constexpr uint64_t Threads = 256;
  const uint64_t groups = (uint64_t(tokens) * program.routes.topk + Threads - 1) / Threads;
  const uint32_t blocks = uint32_t(std::clamp<uint64_t>(groups, 1, uint64_t(multiprocessors) * 8));
  FARO_RETURN_IF_ERROR(
      plan(*stream, options.dispatch->plan->weigh, {blocks, uint32_t(Threads)}, weights, nullptr, tokens));
  FARO_RETURN_IF_ERROR(meet(*stream, FARO_ABI_MEET_READY));
  FARO_RETURN_IF_ERROR(kernels->pull(directStage(program, FARO_ABI_STAGE_PULL).kernel, *stream, rowGrid(tokens),
                                     onDevice(out.data), out.stride, memory->area().list_offsets,
                                     memory->area().sources, memory->area().weights, 0, tokens));
  return meet(*stream, FARO_ABI_MEET_PULLED);
}

/// "rank 2 did not come ..." for each that did not.
std::string DeviceShuffleImpl::describe(const std::vector<uint64_t> &words) const {
  static constexpr const char *Meetings[FARO_ABI_MEETINGS] = {"counts of a dispatch", "rows of a dispatch",
                                                              "beginning of a combine", "end of a combine"};
  std::string late;
  for (uint32_t rank = 0; rank < communicator->size(); ++rank)
    if (const uint64_t meeting = words[FARO_ABI_PLAN_STATUS + rank]; meeting > 0 && meeting <= FARO_ABI_MEETINGS)
      late += fmt::format("{}rank {} ({})", late.empty() ? "" : ", ", rank, Meetings[meeting - 1]);
  return late;
}

Status DeviceShuffleImpl::status(void *cudaStream) {
  const auto used = use(cudaStream);
  if (!used)
    return used.status();
  Stream *const stream = used->stream.get();
  FARO_RETURN_IF_ERROR(stream->wait());
  std::vector<uint64_t> words(FARO_ABI_PLAN_STATUS + communicator->size());
  const uint64_t at = memory->area().status;
  FARO_RETURN_IF_ERROR(stream->toHost(words.data(), at, words.size() * sizeof(uint64_t)));
  FARO_RETURN_IF_ERROR(stream->wait());
  const uint32_t rank = communicator->rank(), topk = options.dispatch->routes.topk;
  if (words[FARO_ABI_PLAN_BROKEN])
    return {FARO_DEADLINE_EXCEEDED,
            fmt::format("rank {}: waited on the device for {} s, in vain for {}; make the shuffle anew", rank,
                        double(memory->area().timeout) * 1e-9, describe(words))};
  // Said once: later batches may be right.
  if (words[FARO_ABI_PLAN_FAULT] || words[FARO_ABI_PLAN_OVERFULL]) {
    FARO_RETURN_IF_ERROR(stream->zero(at, FARO_ABI_PLAN_STATUS * sizeof(uint64_t)));
    FARO_RETURN_IF_ERROR(stream->wait());
  }
  if (const uint64_t item = words[FARO_ABI_PLAN_FAULT])
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}, token {}, choice {}: its expert is out of range, expected 0 to {}, or -1 to drop the "
                        "choice; it was dropped",
                        rank, (item - 1) / topk, (item - 1) % topk, experts - 1)};
  if (const uint64_t full = words[FARO_ABI_PLAN_OVERFULL])
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {} would receive {} rows, more than the {} that the shuffle was made for (mostRows); "
                        "nothing was moved",
                        full - 1, words[FARO_ABI_PLAN_OVER_ROWS], options.mostRows)};
  return check ? check->compare(*stream) : Status::ok();
}

} // namespace
} // namespace faro::cuda

namespace faro {

Expected<std::unique_ptr<DeviceShuffle>> DeviceShuffle::create(std::shared_ptr<Communicator> communicator,
                                                               std::shared_ptr<const Module> module,
                                                               const DeviceShuffleOptions &options) {
  if (!communicator || !module)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("DeviceShuffle::create: {} is null", communicator ? "module" : "communicator"));
  auto made = cuda::DeviceShuffleImpl::create(communicator, module, options);
  // Nobody is left waiting.
  if (!made && made.status().code() != FARO_ABORTED)
    communicator->abort(made.status());
  return made;
}

} // namespace faro
