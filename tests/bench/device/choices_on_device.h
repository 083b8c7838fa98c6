// topk_idx of all ranks on the device, for ways that plan on the host: they must fetch it first.
#pragma once

#include "tests/bench/device/device_bench.h"

namespace faro::bench {

class ChoicesOnDevice {
public:
  explicit ChoicesOnDevice(const DeviceBench &bench);
  /// A rank's, fetched now; valid until it is fetched again. Each rank may be on a thread of its own.
  const int64_t *onHost(size_t rank);

private:
  struct Rank {
    cuda::Memory there;
    std::vector<int64_t> here;
    std::unique_ptr<cuda::Stream> stream;
  };
  std::vector<Rank> ranks;
};

} // namespace faro::bench
