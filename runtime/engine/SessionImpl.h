// A module's programs on a communicator: exchanges counts, keeps the windows, binds schedules to batches.
#pragma once

#include "faro/session.h"
#include "runtime/engine/Engine.h"
#include "runtime/plan/Planner.h"

#include <map>
#include <optional>

namespace faro {

class SessionImpl final : public Session {
public:
  static Expected<std::unique_ptr<Session>> create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module);

  Expected<std::shared_ptr<const Plan>> prepare(const faro_abi_program &program, TopkIdx topkIdx) override;
  Status reserve(const std::shared_ptr<const Plan> &plan) override;
  Status postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) override;
  Status postCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                     const float *weights, Rows out) override;
  Expected<bool> test() override;
  Status wait() override;
  Received received(const Plan &plan) const override;
  Expected<Rows> expertRows(const std::shared_ptr<const Plan> &plan) override;
  Expected<std::vector<Source>> sources(const std::shared_ptr<const Plan> &plan) override;
  const SessionStatistics &statistics() const override;

private:
  SessionImpl(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Module> module);

  /// The call that was posted and is not over.
  struct Call {
    std::shared_ptr<const Plan> plan;
    std::unique_ptr<Bindings> bindings;
    std::unique_ptr<Run> run;
    uint64_t *nanoseconds; ///< the statistic it counts for
  };

  // What a call does; the public ones add timing and tell the others about errors.
  Expected<std::shared_ptr<const Plan>> makeBatch(const faro_abi_program &program, TopkIdx topkIdx);
  Status beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x);
  Status beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                      const float *weights, Rows out);
  Status begin(Call call);
  Expected<std::vector<Source>> runSources(const Plan &plan);

  /// Where combine reads this rank's rows: in place, or after a copy.
  Expected<uint8_t> locateRows(const Plan &plan, ConstRows y, uint16_t activity);
  Status checkPlan(const Plan &plan, const char *call) const;
  Status meet(uint16_t activity, uint8_t value, const std::string &what);
  uint16_t activityOf(const faro_abi_program &program, uint16_t call) const;
  template <typename Work> auto guarded(uint64_t *nanoseconds, Work work) -> decltype(work());

  std::shared_ptr<Communicator> communicator;
  std::shared_ptr<const Module> module;
  std::unique_ptr<SignalBoard> board;
  std::map<const faro_abi_program *, ExpertMap> experts;
  Window receivedWindow, outputs, origins;
  std::optional<Call> call;
  std::vector<uint64_t> addresses; ///< scratch: absolute descriptors of the batch under way
  std::vector<float> itemWeights;  ///< scratch: weights of the kept items
  Status broken;                   ///< the first error: the ranks no longer agree on where they are
  mutable SessionStatistics stats; ///< the windows' part is filled in when asked for
};

} // namespace faro
