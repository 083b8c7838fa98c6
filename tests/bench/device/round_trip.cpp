#include "tests/bench/device/round_trip.h"

#include "tests/bench/device/choices_on_device.h"
#include "tests/bench/device/planned_ranks.h"
#include "tests/bench/device/session_ranks.h"
#include "tests/bench/memory.h"
#include "tests/bench/require.h"

namespace faro::bench {

DeviceRoundTrip::DeviceRoundTrip(const Gpu &g, const std::vector<Problem> &p)
    : DeviceBench(g, p), out(g, std::vector(ranks, tokens), bytes, "the results") {
  for (size_t rank = 0; rank < ranks; ++rank) {
    data.push_back(std::make_unique<CombineData>(problems[rank], /*identity=*/true));
    put(user.row(rank, 0), DispatchData(problems[rank]).tokens.data(), tokens * bytes);
  }
}

void DeviceRoundTrip::wipe() {
  DeviceBench::wipe();
  fill(out.all(), out.size(), WipeByte);
}

Check DeviceRoundTrip::check() {
  Check found;
  for (size_t rank = 0; rank < ranks; ++rank) {
    get(data[rank]->result.data(), out.row(rank, 0), tokens * bytes);
    found.wrongRows += data[rank]->checkDefinition().wrongRows;
  }
  return found;
}

namespace {

/// All of it by the host's clock: topk_idx is the device's.
class Sessions : public Method {
public:
  explicit Sessions(DeviceRoundTrip &b)
      : Method("Faro's sessions, planned on the host", Kind::Peer), bench(b), sessions(b.gpu, b.problems), choices(b) {}

  bool plans() const override { return false; }
  void run() override {
    bench.settle();
    const auto call = [this](size_t rank, Session &session) {
      const auto plan = sessions.prepare(rank, session, choices.onHost(rank));
      const Rows rows = require(session.dispatch(plan, bench.userRows(rank)), "dispatch").rows;
      require(session.combine(*bench.gpu.combine, plan, {rows.data, rows.rows, rows.stride},
                              bench.problems[rank].weights.data(), bench.packed(bench.out, rank)),
              "combine");
    };
    ownRunMs = timedCall(bench.problems, [&] { return sessions.run(call); });
  }
  Check check() override { return bench.check(); }

private:
  DeviceRoundTrip &bench;
  SessionRanks sessions;
  ChoicesOnDevice choices;
};

} // namespace

std::unique_ptr<Method> roundTripOfSessions(DeviceRoundTrip &bench) { return std::make_unique<Sessions>(bench); }

void addPlannedRoundTrip(DeviceRoundTrip &b, Methods &methods) {
  const auto ranks = std::make_shared<PlannedRanks>(b, /*inPlace=*/true);
  const PlannedWork both = [there = plannedDispatch(b), back = plannedCombine(b, b.out)](PlannedRank &rank) {
    FARO_RETURN_IF_ERROR(there(rank));
    return back(rank);
  };
  addPlanned(b, ranks, "Faro, planned on the device", both, [&b] { return b.check(); }, methods);
}

void addRoundTripLimits(DeviceRoundTrip &b, Methods &methods) {
  const size_t moved = b.ranks * (b.tokens + b.tokens * b.topk) * b.bytes;
  const Step copy = DeviceBench::copy(b.arrived.all(), b.wire.all(), moved / 2);
  methods.push_back(std::make_unique<DeviceMethod>(b, "two device copies, as many bytes read and written", Kind::Bound,
                                                   Steps{copy, copy}));
}

} // namespace faro::bench
