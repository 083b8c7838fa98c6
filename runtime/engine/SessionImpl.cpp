// The public calls: each is guarded, timed, and one at a time.
#include "runtime/engine/SessionImpl.h"

#include "runtime/core/Exceptions.h"
#include "runtime/device/cuda/DeviceWindow.h"
#include "runtime/plan/PlanHash.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro {

int64_t planTokens(const Plan &plan) { return plan.tokens; }

int64_t planRows(const Plan &plan) { return plan.receivedRows; }

std::span<const int64_t> planExpertOffsets(const Plan &plan) { return plan.expertOffsets; }

std::span<const int64_t> planExpertCounts(const Plan &plan) { return plan.expertCounts; }

Expected<Received> Session::dispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  FARO_RETURN_IF_ERROR(postDispatch(plan, x));
  FARO_RETURN_IF_ERROR(wait());
  return received(plan);
}

Status Session::combine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                        const float *weights, Rows out) {
  FARO_RETURN_IF_ERROR(postCombine(program, plan, y, weights, out));
  return wait();
}

/// Of the windows of rows: a device's, or what ranks share of the host's.
static NodeMemoryMaker rowMemory(const Communicator &communicator, const cuda::SessionDevice *device) {
  if (!device)
    return {};
  return [&communicator, device = device->device](const std::vector<uint64_t> &sizes, const NodeGather &gather,
                                                  const char *what) {
    return cuda::DeviceWindow::create(communicator, device, sizes, gather, what);
  };
}

SessionImpl::SessionImpl(std::shared_ptr<Communicator> c, std::shared_ptr<const Module> m, Balancer balancer,
                         ExpertMaps experts, std::unique_ptr<SessionExchanges> e,
                         std::unique_ptr<cuda::SessionDevice> d, StageObserver onStage)
    : communicator(std::move(c)), module(std::move(m)), balancer(balancer), experts(std::move(experts)),
      identity(std::make_shared<char>()), exchanges(std::move(e)), device(std::move(d)), onStage(std::move(onStage)),
      windows(
          communicator,
          [board = &exchanges->board()](const Bytes &mine, const char *what) {
            return board->gather(mine, Memory << 8, what);
          },
          rowMemory(*communicator, device.get())) {}

SessionImpl::~SessionImpl() {
  if (call && broken)
    communicator->abort(
        {FARO_ABORTED, fmt::format("rank {} destroyed a session in the middle of a call of it", communicator->rank())});
  if (device)
    leaving.emplace(*device->device);
}

//===------------------------------------------------- guarding a call ---===//

namespace {
const Status &statusOf(const Status &status) { return status; }
template <typename T> const Status &statusOf(const Expected<T> &value) { return value.status(); }
} // namespace

/// What the work returns, or an error for what it throws. A transport may copy rows of slots on a device, in this
/// thread and its context.
template <typename Work> auto SessionImpl::inContext(Work &work) -> decltype(work()) {
  try {
    FARO_RETURN_IF_ERROR(communicator->failure()); // of another session, or the caller's own
    std::optional<cuda::InContext> current;
    if (device) {
      current.emplace(*device->device);
      FARO_RETURN_IF_ERROR(current->status());
    }
    return work();
  } catch (...) {
    return statusOfException();
  }
}

/// Times a call. When it fails the other ranks are told, and the session is over. What it had under way comes to its
/// end then, which takes no more than a second; but on a device it may take for ever, and the caller is to hear of it
/// now.
template <typename Work> auto SessionImpl::guarded(uint64_t *nanoseconds, Work work) -> decltype(work()) {
  if (!broken.isOk())
    return broken;
  const auto start = std::chrono::steady_clock::now();
  auto result = inContext(work);
  if (nanoseconds)
    *nanoseconds += uint64_t((std::chrono::steady_clock::now() - start) / Nanoseconds(1));
  if (const Status &status = statusOf(result); !status.isOk()) {
    broken = status;
    if (call)
      call->run->stop();
    if (status.code() != FARO_ABORTED)
      communicator->abort(status);
    if (!device)
      call.reset();
  }
  return result;
}

Status SessionImpl::checkIdle(const char *name) const {
  return call ? Status(FARO_INVALID_ARGUMENT,
                       fmt::format("rank {}: {} while another call is under way; wait for it first",
                                   communicator->rank(), name))
              : Status::ok();
}

Expected<SessionImpl::BatchHandle> SessionImpl::batchOf(const std::shared_ptr<const Plan> &plan,
                                                        const char *name) const {
  FARO_RETURN_IF_ERROR(checkIdle(name));
  auto batch = std::static_pointer_cast<const Batch>(plan); // all plans are made by makeBatch
  if (!batch || batch->maker != identity)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {}: the plan given to {} {}", communicator->rank(), name,
                                                     batch ? "was made by another session" : "is null"));
  return batch;
}

Expected<SessionImpl::BatchHandle> SessionImpl::enter(const std::shared_ptr<const Plan> &plan, const char *name) {
  auto batch = batchOf(plan, name);
  if (batch)
    exchanges->board().about((*batch)->hash);
  return batch;
}

Status SessionImpl::begin(Call started) {
  call = std::move(started);
  auto over = call->run->advance();
  if (over && *over)
    call.reset();
  return over.status();
}

//===---------------------------------------------------- public calls ---===//

Expected<std::shared_ptr<const Plan>> SessionImpl::prepare(const faro_abi_program &program, TopkIdx topkIdx) {
  return guarded(&stats.prepareNs, [&] { return makeBatch(program, topkIdx); });
}

/// Of the combines that may undo what the program dispatches.
uint64_t SessionImpl::largestPartialStride(const faro_abi_program &dispatch) const {
  uint64_t stride = 0;
  for (const auto &[program, map] : experts)
    if (program->op == FARO_ABI_COMBINE && sameShuffle(*program, dispatch))
      stride = std::max(stride, scheduleOf(*program, path())->partial_stride);
  return stride;
}

Status SessionImpl::reserve(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Status {
    auto batch = enter(plan, "reserve");
    if (!batch)
      return batch.status();
    FARO_RETURN_IF_ERROR(windows.ensureReceived(**batch));
    const std::optional<NodePlan> &across = (*batch)->across;
    return across ? windows.ensurePartials(*across, largestPartialStride(*(*batch)->program)) : Status::ok();
  });
}

Status SessionImpl::postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  return guarded(&stats.dispatchNs, [&] { return beginDispatch(plan, x); });
}

Status SessionImpl::postCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                                const float *weights, Rows out) {
  return guarded(&stats.combineNs, [&] { return beginCombine(program, plan, y, weights, out); });
}

Expected<bool> SessionImpl::test() {
  if (!call)
    return broken.isOk() ? Expected<bool>(true) : Expected<bool>(broken);
  return guarded(call->nanoseconds, [&] {
    auto over = call->run->test();
    if (over && *over)
      call.reset();
    return over;
  });
}

Status SessionImpl::wait() {
  if (!call)
    return broken;
  return guarded(call->nanoseconds, [&] {
    const Status status = call->run->wait();
    if (status)
      call.reset();
    return status;
  });
}

Expected<Received> SessionImpl::received(const std::shared_ptr<const Plan> &plan) const {
  if (!broken.isOk())
    return broken;
  auto batch = batchOf(plan, "received");
  if (!batch)
    return batch.status();
  if (windows.receivedOf != (*batch)->hash)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: received rows of a plan that the last dispatch was not of, or that `reserve` has "
                    "made new memory since",
                    communicator->rank()));
  return Received{{windows.received.mine(), plan->receivedRows, int64_t(plan->program->row.stride)},
                  plan->expertOffsets,
                  plan->expertCounts};
}

Status SessionImpl::after(void *cudaEvent) {
  FARO_RETURN_IF_ERROR(broken);
  FARO_RETURN_IF_ERROR(communicator->failure());
  FARO_RETURN_IF_ERROR(checkIdle("after"));
  if (!device || !cudaEvent)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: an event to run after {}", communicator->rank(),
                    device ? "that is null" : "of a CUDA device, but this session's rows are in host memory"));
  const cuda::InContext current(*device->device);
  FARO_RETURN_IF_ERROR(current.status());
  return device->stream->followEvent(cudaEvent);
}

Expected<Rows> SessionImpl::expertRows(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Expected<Rows> {
    auto batch = enter(plan, "expertRows");
    if (!batch)
      return batch.status();
    FARO_RETURN_IF_ERROR(windows.ensureOutputs(**batch));
    windows.outputsOf = (*batch)->hash;
    return Rows{windows.outputs.mine(), plan->receivedRows, int64_t(plan->program->row.stride)};
  });
}

Expected<std::vector<Source>> SessionImpl::sources(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Expected<std::vector<Source>> {
    auto batch = enter(plan, "sources");
    if (!batch)
      return batch.status();
    return runSources(**batch);
  });
}

const SessionStatistics &SessionImpl::statistics() const {
  stats.windowGrowths = windows.growths();
  stats.windowBytes = windows.bytes();
  return stats;
}

} // namespace faro
