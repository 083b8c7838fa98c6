// This project planned on the device: DeviceShuffle, enqueued call by call, and replayed as graphs.
#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
#include "tests/bench/device/planned_ranks.h"
#include "tests/bench/require.h"

namespace faro::bench {

PlannedWork plannedDispatch(const DeviceBench &b) {
  return [&b](PlannedRank &rank) {
    return rank.shuffle->enqueueDispatch(rank.stream->handle(), rank.choices(), b.userRows(rank.rank));
  };
}

PlannedWork plannedCombine(const DeviceBench &b, const RankRows &out) {
  return [&b, &out](PlannedRank &rank) {
    return rank.shuffle->enqueueCombine(rank.stream->handle(), rank.factors(), b.packed(out, rank.rank));
  };
}

void addPlannedDispatch(DeviceDispatch &b, Methods &methods) {
  const auto ranks = std::make_shared<PlannedRanks>(b, /*inPlace=*/true);
  addPlanned(
      b, ranks, "Faro, planned on the device", plannedDispatch(b), [&b, ranks] { return b.checkReceived(*ranks); },
      methods);
}

void addPlannedCombine(DeviceCombine &b, Methods &methods) {
  const auto ranks = std::make_shared<PlannedRanks>(b, /*inPlace=*/false);
  // The lists that combines work by. What the tokens hold does not matter.
  ranks->run(plannedDispatch(b));
  for (size_t r = 0; r < b.ranks; ++r) {
    const Rows rows = ranks->of(r).shuffle->expertRows();
    require(b.gpu.stream->copyRows(reinterpret_cast<uintptr_t>(rows.data), size_t(rows.stride), b.window.row(r, 0),
                                   b.stride, b.bytes, b.problems[r].received.size()),
            "the experts' results");
  }
  b.settle();
  addPlanned(b, ranks, "Faro, planned on the device", plannedCombine(b, b.user), [&b] { return b.check(); }, methods);
}

} // namespace faro::bench
