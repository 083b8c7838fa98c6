#include "runtime/device/cuda/ChooseImage.h"
#include "runtime/device/cuda/Device.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::cuda {

constexpr uint32_t Warp = 32;

Grid Grid::of(uint64_t tokens, uint64_t bytes, uint32_t multiprocessors, uint32_t all) {
  constexpr uint64_t Access = 16, ResidentThreads = 2048;
  const auto quotient = [](uint64_t a, uint64_t b) { return (a + b - 1) / b; };
  Grid grid;
  grid.multiprocessors = multiprocessors;
  grid.few = multiprocessors < all;
  const uint64_t mostThreads = grid.few ? 1024 : 512, accesses = std::max<uint64_t>(quotient(bytes, Access), 1);
  const uint64_t each = quotient(accesses, mostThreads); // of a thread
  grid.threads = uint32_t(quotient(quotient(accesses, each), Warp) * Warp);
  const uint64_t resident = multiprocessors * (grid.few ? 1 : ResidentThreads / grid.threads);
  grid.blocks = uint32_t(std::clamp<uint64_t>(tokens, 1, std::max<uint64_t>(resident, 1)));
  return grid;
}

Status Kernels::loadImage(const faro_abi_image &image, bool *unread) {
  const Driver &cuda = device->driver();
  char log[4096] = {};
  int names[] = {api::JitErrorLogBuffer, api::JitErrorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  const api::Result result = cuda.moduleLoadDataEx(&loaded, image.data, 2, names, values);
  const Status status = cuda.check(result, "cuModuleLoadDataEx");
  if (status)
    return status;
  *unread = result == api::InvalidImage || result == api::NoBinaryForGpu || result == api::UnsupportedPtx;
  return {status.code() == FARO_INTERNAL ? FARO_DATA_LOSS : status.code(),
          fmt::format("image {} on {} (sm_{}): {}{}{}{}", image.target, device->name(), device->architecture(),
                      status.message(), *log ? "\n" : "", log,
                      *unread ? "; the driver may be older than the CUDA that made it: update it, or compile with "
                                "FARO_PTXAS=none, which leaves machine code to the driver"
                              : "")};
}

/// By index, whether a kernel is a stage's streaming form and nothing else: images have no such kernels.
static std::vector<bool> onlyStreaming(const faro_abi_module &module, uint32_t kernels) {
  std::vector<bool> only(kernels, false);
  const auto mark = [&](uint32_t kernel, bool is) {
    if (kernel < only.size())
      only[kernel] = is;
  };
  const auto overStages = [&](auto &&body) {
    for (const faro_abi_program &program : std::span(module.programs, module.program_count))
      for (const faro_abi_schedule &schedule : std::span(program.schedules, program.schedule_count))
        std::ranges::for_each(std::span(schedule.stages, schedule.stage_count), body);
  };
  overStages([&](const faro_abi_stage &stage) { mark(stage.streaming_kernel, true); });
  overStages([&](const faro_abi_stage &stage) {
    mark(stage.kernel, false);
    mark(stage.share_kernel, false);
  });
  return only;
}

Expected<std::unique_ptr<Kernels>> Kernels::load(std::shared_ptr<const Device> device,
                                                 std::shared_ptr<const Module> module) {
  const std::span images(module->abi().images, module->abi().image_count);
  auto image = chooseImage(images, device->architecture());
  if (!image)
    return Status(image.status().code(), fmt::format("{}: {}", module->name(), image.status().message()));
  FARO_RETURN_IF_ERROR(device->makeCurrent());
  std::unique_ptr<Kernels> kernels(new Kernels());
  kernels->device = std::move(device);
  kernels->module = std::move(module);
  bool unread = false;
  Status loaded = kernels->loadImage(**image, &unread);
  // An older driver reads the text, if not the machine code, of a newer CUDA.
  const faro_abi_image *text = choosePtx(images, kernels->device->architecture());
  if (unread && (*image)->format == FARO_ABI_CUBIN && text && kernels->loadImage(*text, &unread)) {
    image = text;
    loaded = Status::ok();
  }
  if (!loaded)
    return Status(loaded.code(), fmt::format("{}: {}", kernels->module->name(), loaded.message()));
  const Driver &cuda = kernels->device->driver();
  const faro_abi_kernel_set &set = kernels->module->kernels();
  const std::vector<bool> absent = onlyStreaming(kernels->module->abi(), set.kernel_count);
  for (uint32_t k = 0; k < set.kernel_count; ++k) {
    kernels->functions.push_back(nullptr);
    if (!absent[k] &&
        cuda.moduleGetFunction(&kernels->functions.back(), kernels->loaded, set.kernels[k].name) != api::Success)
      return Status(FARO_DATA_LOSS, fmt::format("{}: image {} has no kernel {}", kernels->module->name(),
                                                (*image)->target, set.kernels[k].name));
    const auto findForm = [&](const char *suffix) {
      api::Function found = nullptr;
      const std::string name = set.kernels[k].name + std::string(suffix);
      return cuda.moduleGetFunction(&found, kernels->loaded, name.c_str()) == api::Success ? found : nullptr;
    };
    kernels->bulk.push_back(findForm(FARO_ABI_BULK_SUFFIX));
    kernels->resident.push_back(findForm(FARO_ABI_RESIDENT_SUFFIX));
  }
  return kernels;
}

Kernels::~Kernels() {
  if (!loaded)
    return;
  if (const InContext current(*device); current.status())
    (void)device->driver().moduleUnload(loaded);
}

/// Of a kernel on one multiprocessor; 0 where its registers are not enough for so many threads.
Expected<uint32_t> Kernels::blocksAtATime(api::Function function, uint32_t threads) const {
  const auto [known, isNew] = occupancy.try_emplace({function, threads}, 0);
  if (isNew) {
    int blocks = 0;
    const Status status =
        device->driver().check(device->driver().occupancy(&blocks, function, int(threads), /*sharedBytes=*/0),
                               fmt::format("cuOccupancyMaxActiveBlocksPerMultiprocessor with {} threads", threads));
    if (!status) {
      occupancy.erase(known);
      return status;
    }
    known->second = uint32_t(std::max(blocks, 0));
  }
  return known->second;
}

/// With no more threads and blocks than the multiprocessors have registers for.
Expected<Grid> Kernels::fitted(api::Function function, Grid grid) const {
  if (!grid.multiprocessors)
    return grid;
  auto atATime = blocksAtATime(function, grid.threads);
  for (; atATime && *atATime == 0 && grid.threads > Warp; atATime = blocksAtATime(function, grid.threads))
    grid.threads = std::max(grid.threads / 2 / Warp * Warp, Warp);
  if (!atATime)
    return atATime.status();
  // Where not even a warp fits, the launch says so.
  grid.blocks = std::min(grid.blocks, grid.multiprocessors * (grid.few ? 1 : std::max(*atATime, 1u)));
  return grid;
}

Status Kernels::launch(api::Function function, const std::string &name, Stream &stream, Grid grid,
                       void **parameters) const {
  const auto fit = fitted(function, grid);
  if (!fit)
    return fit.status();
  device->noteLaunch(name);
  return device->driver().check(
      device->driver().launchKernel(function, fit->blocks, 1, 1, fit->threads, 1, 1,
                                    /*sharedBytes=*/0, stream.handle(), parameters, nullptr),
      fmt::format("launch of {} with {} blocks of {} threads on {}", name, fit->blocks, fit->threads, device->name()));
}

Status Kernels::push(uint32_t index, Stream &stream, Grid grid, api::Pointer source, int64_t sourceStride,
                     api::Pointer offsets, api::Pointer destinations, int64_t begin, int64_t end) const {
  if (begin == end)
    return Status::ok();
  void *parameters[] = {&source, &sourceStride, &offsets, &destinations, &begin, &end};
  const std::string name = module->kernels().kernels[index].name;
  if (!grid.few || !bulk[index])
    return launch(functions[index], name, stream, grid, parameters);
  grid.threads = Warp; // one thread of which works
  return launch(bulk[index], name + FARO_ABI_BULK_SUFFIX, stream, grid, parameters);
}

Status Kernels::residentPush(uint32_t index, Stream &stream, Grid grid, api::Pointer queue, api::Pointer states,
                             uint64_t launchNumber, uint64_t lingerNs) const {
  void *parameters[] = {&queue, &states, &launchNumber, &lingerNs};
  return launch(resident[index], module->kernels().kernels[index].name + std::string(FARO_ABI_RESIDENT_SUFFIX), stream,
                grid, parameters);
}

Status Kernels::pull(uint32_t index, Stream &stream, Grid grid, api::Pointer out, int64_t outStride,
                     api::Pointer offsets, api::Pointer rows, api::Pointer weights, int64_t begin, int64_t end) const {
  if (begin == end)
    return Status::ok();
  void *parameters[] = {&out, &outStride, &offsets, &rows, &weights, &begin, &end};
  return launch(functions[index], module->kernels().kernels[index].name, stream, grid, parameters);
}

Status Kernels::loadAll() const {
  for (const std::vector<api::Function> *each : {&functions, &bulk, &resident})
    for (const api::Function function : *each)
      if (function)
        FARO_RETURN_IF_ERROR(device->driver().check(device->driver().funcLoad(function), "cuFuncLoad"));
  return Status::ok();
}

Status Kernels::plan(uint32_t index, Stream &stream, Grid grid, api::Pointer area, api::Pointer given,
                     api::Pointer tokens, int64_t number) const {
  void *parameters[] = {&area, &given, &tokens, &number};
  return launch(functions[index], module->kernels().kernels[index].name, stream, grid, parameters);
}

} // namespace faro::cuda
