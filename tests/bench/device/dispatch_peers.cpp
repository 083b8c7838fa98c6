// What frameworks do: rows permuted into the order of the wire, copied to where they are to go, permuted into the order
// of the experts. And the same in one pass, as fused permutes do it for experts of the same device. Both move a row for
// each item, which is read anew for each of a token's k; with this project's kernels, so that they are no slower than
// need be:
//   - by the push kernel, one destination a row: one launch a choice, since it steps through the tokens;
//   - by the pull kernel, one row of weight 1 each (exact: no sum, nothing to round): all items in one launch;
//   - for the wire also by the push kernel with all k destinations at once: tokens are read once.
#include "tests/bench/device/dispatch_on_device.h"

namespace faro::bench {
namespace {

/// Where an item goes in a pass.
using PlaceFn = std::function<Pointer(size_t source, const ItemPlace &)>;

/// Each choice by itself.
Steps pushEach(const DeviceDispatch &b, const PlaceFn &place) {
  Steps steps;
  for (size_t source = 0; source < b.ranks; ++source)
    for (size_t choice = 0; choice < b.topk; ++choice) {
      std::vector<uint64_t> to;
      for (size_t t = 0; t < b.tokens; ++t)
        to.push_back(place(source, b.places.items[source][t * b.topk + choice]));
      steps.push_back(b.push(b.user.row(source, 0), b.bytes, offsetsOf(b.tokens, 1), to));
    }
  return steps;
}

Steps pushAll(const DeviceDispatch &b, const PlaceFn &place) {
  Steps steps;
  for (size_t source = 0; source < b.ranks; ++source) {
    std::vector<uint64_t> to;
    for (const ItemPlace &item : b.places.items[source])
      to.push_back(place(source, item));
    steps.push_back(b.push(b.user.row(source, 0), b.bytes, offsetsOf(b.tokens, b.topk), to));
  }
  return steps;
}

/// Each source's rows of the wire, in order.
Steps pullToWire(const DeviceDispatch &b) {
  Steps steps;
  for (size_t source = 0; source < b.ranks; ++source) {
    const auto &items = b.places.items[source];
    std::vector<uint64_t> from(items.size());
    for (size_t i = 0; i < items.size(); ++i)
      from[items[i].wire] = b.user.row(source, i / b.topk);
    steps.push_back(b.pull(b.wire.row(source, 0), b.stride, offsetsOf(from.size(), 1), from,
                           std::vector<float>(from.size(), 1.0f)));
  }
  return steps;
}

/// Each rank's window, in order: rows of tokens, and sums of nothing for the padding.
Steps pullToWindow(const DeviceDispatch &b) {
  Steps steps;
  for (size_t rank = 0; rank < b.ranks; ++rank) {
    std::vector<uint32_t> offsets{0};
    std::vector<uint64_t> from;
    for (const Item &item : b.problems[rank].received) {
      if (item.source >= 0)
        from.push_back(b.user.row(size_t(item.source), size_t(item.token)));
      offsets.push_back(uint32_t(from.size()));
    }
    steps.push_back(b.pull(b.window.row(rank, 0), b.stride, offsets, from, std::vector<float>(from.size(), 1.0f)));
  }
  return steps;
}

/// The all-to-all of ranks on one device.
Steps exchange(const DeviceDispatch &b) {
  Steps steps;
  for (const Segment &s : b.places.segments)
    steps.push_back(
        DeviceBench::copy(b.arrived.row(s.target, s.arrived), b.wire.row(s.source, s.wire), s.rows * b.stride));
  return steps;
}

/// One source and one destination each: the order in which they are taken does not matter.
Steps pushToWindow(const DeviceDispatch &b) {
  std::vector<std::vector<uint64_t>> to;
  for (const size_t rows : b.places.arrivedRows)
    to.emplace_back(rows);
  for (const auto &items : b.places.items)
    for (const ItemPlace &item : items)
      to[item.rank][item.arrived] = b.window.row(item.rank, item.row);
  Steps steps;
  for (size_t rank = 0; rank < b.ranks; ++rank)
    steps.push_back(b.push(b.arrived.row(rank, 0), b.stride, offsetsOf(to[rank].size(), 1), to[rank]));
  return steps;
}

} // namespace

void addDispatchPeers(DeviceDispatch &b, Methods &methods) {
  const auto onWire = [&b](size_t source, const ItemPlace &item) { return b.wire.row(source, item.wire); };
  const auto final = [&b](size_t, const ItemPlace &item) { return b.window.row(item.rank, item.row); };
  const auto add = [&](const char *name, Steps steps) {
    methods.push_back(std::make_unique<DeviceMethod>(b, name, Kind::Peer, std::move(steps)));
  };
  // The pull kernel reads whole strides, which packed tokens do not have at all sizes.
  const bool pulls = b.bytes == b.stride;
  const Steps rest = exchange(b) + pushToWindow(b);
  add("permute, copy, permute", pushEach(b, onWire) + rest);
  if (pulls)
    add("permute, copy, permute; first in one launch", pullToWire(b) + rest);
  add("permute, copy, permute; first reads tokens once", pushAll(b, onWire) + rest);
  add("permute in one pass", pushEach(b, final));
  if (pulls)
    add("permute in one pass; in one launch", pullToWindow(b));
}

} // namespace faro::bench
