#include "tests/bench/device/choices_on_device.h"

#include "tests/bench/require.h"

namespace faro::bench {

ChoicesOnDevice::ChoicesOnDevice(const DeviceBench &bench) {
  for (const Problem &problem : bench.problems) {
    Rank rank;
    rank.here.assign(problem.topk.begin(), problem.topk.end());
    const size_t bytes = rank.here.size() * sizeof(int64_t);
    rank.there = require(cuda::Memory::allocate(bench.gpu.device, bytes), "no room for the routing");
    rank.stream = require(cuda::Stream::create(bench.gpu.device), "a stream");
    bench.put(rank.there.address(), rank.here.data(), bytes);
    ranks.push_back(std::move(rank));
  }
}

const int64_t *ChoicesOnDevice::onHost(size_t r) {
  Rank &rank = ranks[r];
  require(rank.stream->device().makeCurrent(), "fetching the routing");
  require(rank.stream->toHost(rank.here.data(), rank.there.address(), rank.there.size()), "fetching the routing");
  require(rank.stream->wait(), "fetching the routing");
  return rank.here.data();
}

} // namespace faro::bench
