// A module's programs on a communicator: exchanges counts, keeps the windows, binds schedules to batches.
//
//   SessionCreate.cpp    what all ranks must agree on before there is a session
//   SessionImpl.cpp      the public calls: guarded, timed, one at a time
//   SessionPrepare.cpp   routing to batch
//   SessionCalls.cpp     what dispatch, combine and sources do with a batch
//   SessionExchanges     what ranks tell each other
//   SessionWindows       memory for rows
#pragma once

#include "faro/session.h"
#include "runtime/device/cuda/SessionDevice.h"
#include "runtime/engine/MeshCheck.h"
#include "runtime/engine/ScheduleRuns.h"
#include "runtime/engine/SessionExchanges.h"
#include "runtime/engine/SessionWindows.h"
#include "runtime/plan/Planner.h"

#include <map>
#include <optional>

namespace faro {

class SessionImpl final : public Session {
public:
  static Expected<std::unique_ptr<Session>> create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module, const SessionOptions &options);

  ~SessionImpl() override;

  Expected<std::shared_ptr<const Plan>> prepare(const faro_abi_program &program, TopkIdx topkIdx) override;
  Status reserve(const std::shared_ptr<const Plan> &plan) override;
  Status postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) override;
  Status postCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                     const float *weights, Rows out) override;
  Expected<bool> test() override;
  Status wait() override;
  Expected<Received> received(const std::shared_ptr<const Plan> &plan) const override;
  Status after(void *cudaEvent) override;
  Expected<Rows> expertRows(const std::shared_ptr<const Plan> &plan) override;
  Expected<std::vector<Source>> sources(const std::shared_ptr<const Plan> &plan) override;
  const SessionStatistics &statistics() const override;

private:
  using ExpertMaps = std::map<const faro_abi_program *, ExpertMap>;
  using BatchHandle = std::shared_ptr<const Batch>;
  SessionImpl(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Module> module, Balancer balancer,
              ExpertMaps experts, std::unique_ptr<SessionExchanges> exchanges,
              std::unique_ptr<cuda::SessionDevice> device, StageObserver onStage);

  /// What a call is, in the tags that ranks exchange.
  enum CallKind : uint16_t { Prepare = 1, Dispatch, Combine, Sources, Memory };
  uint16_t activityOf(const faro_abi_program &program, CallKind kind) const;

  /// The call that was posted and is not over; of a broken session on a device, perhaps the one that failed.
  struct Call {
    BatchHandle batch;
    std::unique_ptr<Run> run;
    uint64_t *nanoseconds; ///< the statistic it counts for
  };

  // Around every call. The first error ends the session: ranks no longer agree on where they are.
  template <typename Work> auto inContext(Work &work) -> decltype(work());
  template <typename Work> auto guarded(uint64_t *nanoseconds, Work work) -> decltype(work());
  Status checkIdle(const char *name) const;
  uint64_t largestPartialStride(const faro_abi_program &dispatch) const;
  /// What every call with a plan asks first.
  Expected<BatchHandle> batchOf(const std::shared_ptr<const Plan> &plan, const char *name) const;
  /// The same, and from then on flags are about this batch.
  Expected<BatchHandle> enter(const std::shared_ptr<const Plan> &plan, const char *name);
  /// Makes a run the call under way, and goes as far as it can.
  Status begin(Call started);

  // What a call does.
  Expected<std::shared_ptr<const Plan>> makeBatch(const faro_abi_program &program, TopkIdx topkIdx);
  Status checkBatch(Batch &batch);
  Status beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x);
  Status beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                      const float *weights, Rows out);
  /// Whether the user's rows lie as the device's kernels need it.
  Status checkDeviceRows(const char *what, const void *data, int64_t rows, int64_t stride, const faro_abi_row &) const;
  Status stageRows(const Batch &batch, ConstRows y);
  /// Where combine reads this rank's rows: in place, or after a copy.
  Expected<WindowName> locateRows(const Batch &batch, ConstRows y, uint16_t activity);
  Expected<std::vector<Source>> runSources(const Batch &batch);

  faro_abi_path path() const { return pathOn(communicator->topology()); }
  RunParts parts();

  std::optional<cuda::InContext> leaving; ///< first: while the members below give back what they have on a device
  const std::shared_ptr<Communicator> communicator;
  const std::shared_ptr<const Module> module;
  const Balancer balancer;
  const ExpertMaps experts;
  const std::shared_ptr<const void> identity; ///< stands for this session in its batches
  const std::unique_ptr<SessionExchanges> exchanges;
  const std::unique_ptr<cuda::SessionDevice> device; ///< null: rows lie in host memory
  const StageObserver onStage;
  SessionWindows windows;
  RunScratch scratch;
  mutable SessionStatistics stats; ///< the windows' part is filled in when asked for
  Status broken;                   ///< the first error
  std::optional<Call> call;        ///< last: a run that is dropped still uses what is above
};

} // namespace faro
