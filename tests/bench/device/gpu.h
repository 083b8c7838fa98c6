// A CUDA device, and what the module has for it.
#pragma once

#include "runtime/device/cuda/Device.h"
#include "tests/bench/options.h"

namespace faro::bench {

struct Gpu {
  /// Errors: no such module, one of another shape or without code for the device; no driver, no device.
  static Expected<std::unique_ptr<Gpu>> open(const Options &options);

  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatch = nullptr, *combine = nullptr;
  const faro_abi_stage *push = nullptr, *pull = nullptr; ///< of them, within a node
  std::shared_ptr<cuda::Device> device;
  std::unique_ptr<cuda::Kernels> kernels;
  uint32_t multiprocessors = 0; ///< that kernels may fill
  std::unique_ptr<cuda::Stream> stream;
  size_t cacheBytes = 0; ///< of its L2

  /// Whether the module plans on a device.
  bool plans() const { return dispatch->plan; }
  cuda::Grid gridFor(int64_t rows, uint64_t bytes) const {
    return cuda::Grid::of(uint64_t(rows), bytes, multiprocessors, device->multiprocessors());
  }
};

} // namespace faro::bench
