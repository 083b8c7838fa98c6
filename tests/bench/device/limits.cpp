// The device's own bounds. A dispatch reads each token once and writes each item once, a combine reads and writes them
// the other way round: a copy within the device of half as many bytes reads and writes as many. Padding is left out.
#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"

namespace faro::bench {

static void add(DeviceBench &b, Methods &methods, const char *name, Kind kind, Step step) {
  methods.push_back(std::make_unique<DeviceMethod>(b, name, kind, Steps{std::move(step)}));
}

/// The staging of either side has room for all items, and there are no more tokens than items.
static void addCopyBound(DeviceBench &b, Methods &methods) {
  const size_t moved = b.ranks * (b.tokens + b.tokens * b.topk) * b.bytes;
  add(b, methods, "device copy, as many bytes read and written", Kind::Bound,
      DeviceBench::copy(b.arrived.all(), b.wire.all(), moved / 2));
}

void addDispatchLimits(DeviceDispatch &b, Methods &methods) {
  add(b, methods, "memset of the rows that are written", Kind::Limit,
      DeviceBench::zero(b.wire.all(), b.ranks * b.tokens * b.topk * b.bytes));
  addCopyBound(b, methods);
}

void addCombineLimits(DeviceCombine &b, Methods &methods) { addCopyBound(b, methods); }

} // namespace faro::bench
