// This project's kernels by themselves: the kernels, lists and grids of a session's calls, with all ranks in one
// stream.
#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"

namespace faro::bench {

std::unique_ptr<Method> faroPushes(DeviceDispatch &b) {
  Steps steps;
  for (size_t source = 0; source < b.ranks; ++source) {
    std::vector<uint64_t> to;
    for (const ItemPlace &item : b.places.items[source])
      to.push_back(b.window.row(item.rank, item.row));
    steps.push_back(b.push(b.user.row(source, 0), b.bytes, offsetsOf(b.tokens, b.topk), to));
  }
  return std::make_unique<DeviceMethod>(b, "Faro, its kernel", Kind::Faro, std::move(steps));
}

std::unique_ptr<Method> faroPadding(DeviceDispatch &b) {
  Steps steps = b.zeroPadding();
  return steps.empty() ? nullptr
                       : std::make_unique<DeviceMethod>(b, "part: zeroing the padding", Kind::Part, std::move(steps));
}

std::unique_ptr<Method> faroPulls(DeviceCombine &b) {
  const auto final = [&b](size_t, const ItemPlace &item) { return b.window.row(item.rank, item.row); };
  return std::make_unique<DeviceMethod>(b, "Faro, its kernel", Kind::Faro, b.sums(final));
}

} // namespace faro::bench
