// A CUDA device, and what the module has for it.
#pragma once

#include "runtime/device/cuda/Device.h"
#include "tests/bench/options.h"

namespace faro::bench {

/// The two forms of a kernel, and when the engine takes which.
struct KernelForms {
  uint32_t plain = 0, streaming = FARO_ABI_NO_KERNEL;
  uint64_t threshold = 0;
  /// For so many bytes of output, in rows that lie at multiples of 64 or not.
  uint32_t of(uint64_t bytes, bool aligned) const {
    return streaming != FARO_ABI_NO_KERNEL && aligned && bytes >= threshold ? streaming : plain;
  }
};

struct Gpu {
  /// Errors: no such module, one of another shape or without code for the device; no driver, no device.
  static Expected<std::unique_ptr<Gpu>> open(const Options &options);

  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatch = nullptr, *combine = nullptr;
  KernelForms push, pull;
  std::shared_ptr<cuda::Device> device;
  std::unique_ptr<cuda::Kernels> kernels;
  uint32_t multiprocessors = 0; ///< that kernels may fill
  std::unique_ptr<cuda::Stream> stream;
  size_t cacheBytes = 0; ///< of its L2

  cuda::Grid gridFor(int64_t rows, uint64_t bytes) const {
    return cuda::Grid::of(uint64_t(rows), bytes, multiprocessors, device->multiprocessors());
  }
};

} // namespace faro::bench
