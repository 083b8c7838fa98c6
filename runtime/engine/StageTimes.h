// When stages work, for whoever asked to be told (SessionOptions::onStage). Nothing is measured when nobody did.
#pragma once

#include "faro/session.h"
#include "runtime/engine/Binding.h"

#include <deque>
#include <map>

namespace faro {

class StageTimes {
public:
  /// Both must outlive it.
  StageTimes(const StageObserver *observer, const faro_abi_schedule &schedule)
      : tell(observer && *observer ? observer : nullptr), schedule(schedule) {}

  /// A firing, or a grain of one. Of a stage that fires once a slice: of the flow's next slice.
  void begins(uint32_t stage, const FlowRun *flow = nullptr) {
    if (tell)
      open[{stage, flow}].push_back(now());
  }
  /// The stage waits for others; said again and again until it ends.
  void waits(uint32_t stage) {
    if (tell && open[{stage, nullptr}].empty())
      begins(stage);
  }
  /// The earliest that began. Requires that the flow does not count it as done yet.
  void ends(uint32_t stage, const FlowRun *flow = nullptr) {
    if (!tell)
      return;
    std::deque<uint64_t> &begun = open[{stage, flow}];
    StageTime time{schedule.name, schedule.stages[stage].name, schedule.stages[stage].resource, begun.front(), now()};
    begun.pop_front();
    if (flow) {
      time.slice = flow->done[stage];
      time.peer = flow->peer();
    }
    (*tell)(time);
  }

private:
  static uint64_t now() { return uint64_t(std::chrono::steady_clock::now().time_since_epoch() / Nanoseconds(1)); }

  const StageObserver *const tell; ///< or nobody
  const faro_abi_schedule &schedule;
  std::map<std::pair<uint32_t, const FlowRun *>, std::deque<uint64_t>> open;
};

} // namespace faro
