// A dispatch, experts that change nothing, and a combine: what a layer waits for, as one.
#pragma once

#include "tests/bench/combine/combine_data.h"
#include "tests/bench/device/device_bench.h"
#include "tests/bench/dispatch/dispatch_data.h"

namespace faro::bench {

/// `user` are the tokens.
class DeviceRoundTrip : public DeviceBench {
public:
  DeviceRoundTrip(const Gpu &gpu, const std::vector<Problem> &problems);

  const RankRows out; ///< packed
  Check check() override;
  void wipe() override;

private:
  std::vector<std::unique_ptr<CombineData>> data; ///< by rank
};

/// Sessions, which plan on the host; planned on the device; and the device's bound.
std::unique_ptr<Method> roundTripOfSessions(DeviceRoundTrip &bench);
void addPlannedRoundTrip(DeviceRoundTrip &bench, Methods &methods);
void addRoundTripLimits(DeviceRoundTrip &bench, Methods &methods);

} // namespace faro::bench
