// What frameworks do: the rows of the experts permuted into the order of the wire, copied back, and summed where they
// arrived (by the module's pull kernel, which saves a permute of its own).
#include "tests/bench/device/combine_on_device.h"

namespace faro::bench {

/// The push kernel steps through the window; padding has no destination.
static Steps permuteBack(const DeviceCombine &b) {
  std::vector<std::vector<uint64_t>> placeOf; // of a window's row; 0: padding
  for (const Problem &problem : b.problems)
    placeOf.emplace_back(problem.received.size());
  for (const auto &items : b.places.items)
    for (const ItemPlace &item : items)
      placeOf[item.rank][item.row] = b.arrived.row(item.rank, item.arrived);
  Steps steps;
  for (size_t rank = 0; rank < b.ranks; ++rank) {
    std::vector<uint32_t> offsets{0};
    std::vector<uint64_t> to;
    for (const uint64_t place : placeOf[rank]) {
      if (place)
        to.push_back(place);
      offsets.push_back(uint32_t(to.size()));
    }
    steps.push_back(b.push(b.window.row(rank, 0), b.stride, offsets, to));
  }
  return steps;
}

std::unique_ptr<Method> permuteCopySum(DeviceCombine &b) {
  Steps steps = permuteBack(b);
  for (const Segment &s : b.places.segments)
    steps.push_back(
        DeviceBench::copy(b.wire.row(s.source, s.wire), b.arrived.row(s.target, s.arrived), s.rows * b.stride));
  const auto cameBack = [&b](size_t source, const ItemPlace &item) { return b.wire.row(source, item.wire); };
  return std::make_unique<DeviceMethod>(b, "permute back, copy, weighted sum", Kind::Peer, steps + b.sums(cameBack));
}

} // namespace faro::bench
