#include "tests/bench/device/dispatch_on_device.h"

#include "tests/bench/device/planned_ranks.h"
#include "tests/bench/require.h"

namespace faro::bench {

DeviceDispatch::DeviceDispatch(const Gpu &g, const std::vector<Problem> &p)
    : DeviceBench(g, p), padding(zeroPadding()) {
  for (size_t rank = 0; rank < ranks; ++rank) {
    data.push_back(std::make_unique<DispatchData>(problems[rank]));
    put(user.row(rank, 0), data[rank]->tokens.data(), tokens * bytes);
  }
}

void DeviceDispatch::restore() const {
  for (const Step &step : padding)
    require(step(*gpu.stream), "zeroing padding");
}

void DeviceDispatch::wipe() {
  DeviceBench::wipe();
  fill(window.all(), window.size(), WipeByte);
}

Check DeviceDispatch::checkRows(size_t rank, Pointer rows, size_t count, size_t between) const {
  std::vector<char> host(count * between);
  get(host.data(), rows, host.size());
  return data[rank]->check(host.data(), count, between);
}

Check DeviceDispatch::checkReceived(const PlannedRanks &planned) const {
  Check found;
  for (size_t rank = 0; rank < ranks; ++rank) {
    const Rows rows = planned.received(rank);
    const auto first = reinterpret_cast<uintptr_t>(rows.data);
    found.wrongRows += checkRows(rank, first, size_t(rows.rows), size_t(rows.stride)).wrongRows;
  }
  return found;
}

Check DeviceDispatch::check() {
  Check found;
  for (size_t rank = 0; rank < ranks; ++rank)
    found.wrongRows += checkRows(rank, window.row(rank, 0), problems[rank].received.size(), stride).wrongRows;
  return found;
}

} // namespace faro::bench
