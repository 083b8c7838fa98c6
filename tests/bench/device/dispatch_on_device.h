// Dispatch on a device: tokens, packed, to the rows of the experts.
#pragma once

#include "tests/bench/device/device_bench.h"
#include "tests/bench/dispatch/dispatch_data.h"

namespace faro::bench {

class PlannedRanks;

class DeviceDispatch : public DeviceBench {
public:
  DeviceDispatch(const Gpu &gpu, const std::vector<Problem> &problems);

  Check check() override;
  /// Compares rows of one rank, which lie somewhere on the device, with the definition.
  Check checkRows(size_t rank, Pointer rows, size_t count, size_t between) const;
  /// The same of all ranks of shuffles that were planned on the device.
  Check checkReceived(const PlannedRanks &ranks) const;
  /// The tokens of a rank, on the host, and the definition of its rows.
  DispatchData &of(size_t rank) { return *data[rank]; }
  void restore() const override; ///< padding is nobody's time here: see faroPadding
  void wipe() override;

private:
  std::vector<std::unique_ptr<DispatchData>> data; ///< by rank
  Steps padding;
};

/// permute, copy, permute; and in one pass.
void addDispatchPeers(DeviceDispatch &bench, Methods &methods);
std::unique_ptr<Method> faroPushes(DeviceDispatch &bench);
std::unique_ptr<Method> faroPadding(DeviceDispatch &bench); ///< null where there is none
std::unique_ptr<Method> faroDispatchCall(DeviceDispatch &bench);
void addPlannedDispatch(DeviceDispatch &bench, Methods &methods);
/// Planning by itself: on the host, by torch's functions, on the device.
std::unique_ptr<Method> planningOnHost(DeviceDispatch &bench);
void addPlanningOnDevice(DeviceDispatch &bench, Methods &methods);
void addDispatchLimits(DeviceDispatch &bench, Methods &methods);

} // namespace faro::bench
