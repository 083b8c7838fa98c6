// Planning by itself: from topk_idx on the device to where each row goes.
//
//   on the host       topk_idx copied there, and Session::prepare, by the host's clock
//   on the device     DeviceShuffle::enqueuePlan, between two events; the push that must follow it is not timed
//
// Whether a plan was right is seen by the rows of a dispatch that it is for.
#include "tests/bench/device/choices_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
#include "tests/bench/device/planned_ranks.h"
#include "tests/bench/device/session_ranks.h"
#include "tests/bench/require.h"

namespace faro::bench {
namespace {

class PlanningOnHost : public Method {
public:
  explicit PlanningOnHost(DeviceDispatch &b)
      : Method("Faro's sessions, on the host", Kind::Peer), bench(b), sessions(b.gpu, b.problems), choices(b) {}

  bool plans() const override { return false; }
  void run() override {
    bench.settle();
    ownRunMs = timedCall(bench.problems, [&] {
      return sessions.run(
          [&](size_t rank, Session &session) { sessions.prepare(rank, session, choices.onHost(rank)); });
    });
  }
  Check check() override {
    std::vector<Rows> received(bench.ranks);
    sessions.run([&](size_t rank, Session &session) {
      received[rank] = require(session.dispatch(sessions.plan(rank), bench.userRows(rank)), "dispatch").rows;
    });
    Check found;
    for (size_t rank = 0; rank < bench.ranks; ++rank) {
      const Rows &rows = received[rank];
      const auto first = reinterpret_cast<uintptr_t>(rows.data);
      found.wrongRows += bench.checkRows(rank, first, size_t(rows.rows), size_t(rows.stride)).wrongRows;
    }
    return found;
  }

private:
  DeviceDispatch &bench;
  SessionRanks sessions;
  ChoicesOnDevice choices;
};

} // namespace

std::unique_ptr<Method> planningOnHost(DeviceDispatch &bench) { return std::make_unique<PlanningOnHost>(bench); }

void addPlanningOnDevice(DeviceDispatch &b, Methods &methods) {
  const auto ranks = std::make_shared<PlannedRanks>(b, /*inPlace=*/true);
  const PlannedWork plan = [&b](PlannedRank &rank) {
    return rank.shuffle->enqueuePlan(rank.stream->handle(), rank.choices(), int64_t(b.tokens));
  };
  const PlannedWork push = [&b](PlannedRank &rank) {
    return rank.shuffle->enqueuePush(rank.stream->handle(), b.userRows(rank.rank));
  };
  const auto check = [&b, ranks] { return b.checkReceived(*ranks); };
  methods.push_back(std::make_unique<PlannedMethod>(b, ranks, "Faro, planned on the device", plan, push, check));
  // In this order: a plan waits for its push.
  const PlannedWork planGraphs = ranks->asGraphs(plan), pushGraphs = ranks->asGraphs(push);
  methods.push_back(std::make_unique<PlannedMethod>(b, ranks, "Faro, planned on the device, as a graph", planGraphs,
                                                    pushGraphs, check));
}

} // namespace faro::bench
