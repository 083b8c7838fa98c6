#include "tests/bench/device/gpu.h"

#include "tests/bench/faro_job.h"
#include "tests/bench/spec.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::bench {

/// Both programs, for this shape.
static Status findPrograms(Gpu &gpu, const Options &options) {
  for (auto [program, stage, op, stageOp] :
       {std::tuple(&gpu.dispatch, &gpu.push, FARO_ABI_DISPATCH, FARO_ABI_STAGE_PUSH),
        std::tuple(&gpu.combine, &gpu.pull, FARO_ABI_COMBINE, FARO_ABI_STAGE_PULL)}) {
    auto found = gpu.module->only(op);
    if (!found)
      return found.status();
    if (const Status fits = checkShape(**found, options); !fits)
      return Status(fits.code(), fmt::format("{}: {}", gpu.module->name(), fits.message()));
    const faro_abi_schedule *schedule = scheduleOf(**found, FARO_ABI_DIRECT);
    if (!schedule)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("{}: @{} has no schedule for the ranks of one node; compile it for a mesh of nodes = ?",
                                gpu.module->name(), (*found)->name));
    *program = *found;
    *stage = stageOf(*schedule, stageOp);
  }
  return Status::ok();
}

/// Bulk copies are for kernels that may not fill the device, planning is for what is not a session's.
static CompileTargets targetsOf(const Options &options) {
  CompileTargets targets;
  targets.cudaDevice = options.cudaDevice;
  targets.bulkCopies = options.multiprocessors > 0;
  targets.planning = options.op != Op::Dispatch && options.op != Op::Combine;
  return targets;
}

static Expected<size_t> cacheBytesOf(const cuda::Device &device) {
  const cuda::Driver &cuda = device.driver();
  cuda::api::Ordinal ordinal = 0;
  int bytes = 0;
  FARO_RETURN_IF_ERROR(cuda.check(cuda.deviceGet(&ordinal, device.number()), "cuDeviceGet"));
  FARO_RETURN_IF_ERROR(
      cuda.check(cuda.deviceGetAttribute(&bytes, cuda::api::CacheBytes, ordinal), "cuDeviceGetAttribute of its L2"));
  return size_t(std::max(bytes, 0));
}

Expected<std::unique_ptr<Gpu>> Gpu::open(const Options &options) {
  auto gpu = std::make_unique<Gpu>();
  auto module = options.module.empty()
                    ? Module::compile(specText(options), "faro-bench.mlir", nullptr, targetsOf(options))
                    : Module::load(options.module);
  if (!module)
    return module.status();
  gpu->module = *module;
  FARO_RETURN_IF_ERROR(findPrograms(*gpu, options));
  auto device = cuda::Device::open(options.cudaDevice);
  if (!device)
    return device.status();
  gpu->device = *device;
  const uint32_t all = gpu->device->multiprocessors(), some = uint32_t(options.multiprocessors);
  if (some > all)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("--multiprocessors: expected at most the {} of {}, found {}", all,
                                                     gpu->device->name(), some));
  gpu->multiprocessors = some ? some : all;
  FARO_RETURN_IF_ERROR(gpu->device->makeCurrent());
  auto kernels = cuda::Kernels::load(gpu->device, gpu->module);
  if (!kernels)
    return kernels.status();
  gpu->kernels = std::move(*kernels);
  auto stream = cuda::Stream::create(gpu->device);
  if (!stream)
    return stream.status();
  gpu->stream = std::move(*stream);
  auto cache = cacheBytesOf(*gpu->device);
  if (!cache)
    return cache.status();
  gpu->cacheBytes = *cache;
  return gpu;
}

} // namespace faro::bench
