// A module's programs on a communicator: exchanges counts, keeps the windows, binds schedules to batches.
#pragma once

#include "faro/session.h"
#include "runtime/engine/CountsExchange.h"
#include "runtime/engine/OriginExchange.h"
#include "runtime/engine/ScheduleRuns.h"
#include "runtime/engine/SliceExchange.h"
#include "runtime/plan/NodePlan.h"
#include "runtime/plan/PlanCheck.h"
#include "runtime/plan/Planner.h"

#include <map>
#include <optional>

namespace faro {

/// The plan behind a handle.
struct Prepared final : Plan {
  std::shared_ptr<const void> maker; ///< Plan::session; held, so that no later session has the same address
  uint64_t hash = 0;                 ///< the same on all ranks
  std::optional<NodePlan> across;    ///< where ranks are on several nodes
  std::optional<PlanCheck> check;    ///< with FARO_CHECK=1
};

class SessionImpl final : public Session, private Receiver {
public:
  static Expected<std::unique_ptr<Session>> create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module);
  ~SessionImpl() override;

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
  Status agree();
  Status connect();

  /// The call that was posted and is not over.
  struct Call {
    std::shared_ptr<const Plan> plan;
    std::unique_ptr<Run> run;
    uint64_t *nanoseconds; ///< the statistic it counts for
  };

  // What a call does; the public ones add timing and tell the others about errors.
  Expected<std::shared_ptr<const Plan>> makeBatch(const faro_abi_program &program, TopkIdx topkIdx);
  Status reserveRows(const Prepared &plan);
  Status checkBatch(Prepared &plan);
  Status beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x);
  Status beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                      const float *weights, Rows out);
  Status begin(Call call);
  RunParts parts();
  Expected<std::vector<Source>> runSources(const Prepared &plan);

  /// Where combine reads this rank's rows: in place, or after a copy.
  Expected<uint8_t> locateRows(const Prepared &plan, ConstRows y, uint16_t activity);
  /// What every call with a plan asks first. From then on flags are about this plan.
  Expected<const Prepared *> enter(const std::shared_ptr<const Plan> &plan, const char *call);
  Status meet(uint16_t activity, uint8_t value, const std::string &what);
  uint16_t activityOf(const faro_abi_program &program, uint16_t call) const;
  /// Bytes of a window of a plan's received rows, for the ranks of this node.
  std::vector<uint64_t> bytesOf(const Plan &plan, uint64_t bytesPerRow) const;
  std::span<const uint32_t> nodeRanks() const;
  template <typename Work> auto guarded(uint64_t *nanoseconds, Work work) -> decltype(work());

  // What other ranks send to the session itself; slices go to the slice exchange.
  void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) override;
  std::byte *place(uint32_t, uint64_t, size_t) override { return nullptr; }
  void arrived(uint32_t, uint64_t, size_t) override {}
  void sent(uint64_t) override {}

  std::shared_ptr<Communicator> communicator;
  std::shared_ptr<const Module> module;
  const faro_abi_path path;
  Balancer balancer = nullptr;
  const std::shared_ptr<const void> identity; ///< stands for this session in its plans
  std::optional<uint16_t> channel;
  std::unique_ptr<SliceExchange> slices; ///< where ranks are on several nodes
  std::unique_ptr<SignalBoard> board;
  std::optional<CountsExchange> counts;
  std::optional<OriginExchange> originExchange;
  std::map<const faro_abi_program *, ExpertMap> experts;
  const NodeGather gather;
  Window receivedWindow, outputs, origins;
  Window transit, partials; ///< where ranks are on several nodes
  std::optional<Call> call;
  uint64_t receivedOf = 0, outputsOf = 0; ///< hashes of the plans whose rows these windows hold; 0: nobody's
  RunScratch scratch;
  Status broken;                   ///< the first error: the ranks no longer agree on where they are
  mutable SessionStatistics stats; ///< the windows' part is filled in when asked for
};

} // namespace faro
