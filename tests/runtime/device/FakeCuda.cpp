#include "tests/runtime/device/FakeCuda.h"

#include "runtime/abi/faro_abi.h"
#include "runtime/device/cuda/DriverApi.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace api = faro::cuda::api;

namespace {

/// In a file without a name, which other processes can open.
struct Allocation {
  size_t bytes;
  int file;
};

/// What a function handle points to.
struct Kernel {
  bool isPush;
  void (*entry)();
};

std::mutex mutex; // ranks are threads
faro::test::FakeCuda fake;
std::map<void *, Allocation> allocations;
std::map<std::string, Kernel> kernels;
constexpr int InvalidValue = 1, OutOfMemory = 2, InvalidHandle = 400, NotFound = 500;
int context, module; // what handles point to

/// When the host came by an event: streams do their work at once.
using Clock = std::chrono::steady_clock;
Clock::time_point &timeOf(api::Event event) { return *reinterpret_cast<Clock::time_point *>(event); }

/// What an inter-process handle says.
struct Shared {
  int process, file;
  size_t bytes;
};

/// The CPU's kernels of the module that an image is part of: what the device's compute, they compute. A module that was
/// compiled just in time is no file; $FAKE_CUDA_TWINS names one of the same spec.
void findTwins(const void *image) {
  const char *twins = std::getenv("FAKE_CUDA_TWINS");
  Dl_info where{};
  if (!twins && !dladdr(image, &where))
    return;
  void *library = dlopen(twins ? twins : where.dli_fname, RTLD_NOW | (twins ? 0 : RTLD_NOLOAD));
  if (!library)
    return;
  const auto *table = static_cast<const faro_abi_module *>(dlsym(library, FARO_ABI_SYMBOL));
  if (!twins)
    dlclose(library);
  if (!table)
    return;
  const faro_abi_kernel_set &set = table->kernel_sets[0]; // runs on any processor of the family
  for (uint32_t k = 0; k < set.kernel_count; ++k) {
    const std::string name = set.kernels[k].name;
    const bool isPush = name.find("_push") != std::string::npos || name.find("_land") != std::string::npos;
    kernels[name] = {isPush, set.kernels[k].entry};
  }
}

void *host(api::Pointer address) { return reinterpret_cast<void *>(uintptr_t(address)); }
template <typename T> T argument(void **parameters, int index) { return *static_cast<T *>(parameters[index]); }

} // namespace

// Only what runtime/device/cuda/DriverApi.h names, with its types.
extern "C" {

faro::test::FakeCuda *fakeCuda() { return &fake; }

api::Result cuInit(unsigned) { return fake.initResult; }
api::Result cuDriverGetVersion(int *version) {
  *version = fake.version;
  return 0;
}
api::Result cuGetErrorName(api::Result error, const char **name) {
  *name = error == OutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == 700       ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                               : "CUDA_ERROR";
  return 0;
}
api::Result cuGetErrorString(api::Result error, const char **text) {
  *text = error == OutOfMemory ? "out of memory" : "something is wrong";
  return 0;
}
api::Result cuDeviceGetCount(int *count) {
  *count = fake.devices;
  return 0;
}
api::Result cuDeviceGet(api::Ordinal *device, int number) {
  *device = number;
  return 0;
}
api::Result cuDeviceGetName(char *name, int size, api::Ordinal) {
  std::strncpy(name, "Fake GPU", size_t(size));
  return 0;
}
api::Result cuDeviceGetAttribute(int *value, int attribute, api::Ordinal) {
  *value = attribute == api::MajorVersion   ? fake.major
           : attribute == api::MinorVersion ? fake.minor
           : attribute == api::CacheBytes   ? fake.cacheBytes
                                            : fake.multiprocessors;
  return 0;
}
api::Result cuDevicePrimaryCtxRetain(api::Context *to, api::Ordinal) {
  const std::lock_guard lock(mutex);
  ++fake.contexts;
  *to = reinterpret_cast<api::Context>(&context);
  return 0;
}
api::Result cuDevicePrimaryCtxRelease_v2(api::Ordinal) {
  const std::lock_guard lock(mutex);
  --fake.contexts;
  return 0;
}
api::Result cuCtxSetCurrent(api::Context) { return 0; }

api::Result cuModuleLoadDataEx(api::Module *to, const void *image, unsigned options, int *names, void **values) {
  const std::lock_guard lock(mutex);
  fake.image = image;
  if (fake.loadResult) {
    for (unsigned i = 0; i < options; ++i)
      if (names[i] == api::JitErrorLogBuffer)
        std::strcpy(static_cast<char *>(values[i]), fake.loadLog);
    return fake.loadResult;
  }
  ++fake.modules;
  kernels["dispatch_push"] = {true, reinterpret_cast<void (*)()>(fake.push)};
  kernels["combine_pull"] = {false, reinterpret_cast<void (*)()>(fake.pull)};
  findTwins(image);
  *to = reinterpret_cast<api::Module>(&module);
  return 0;
}
api::Result cuModuleUnload(api::Module) {
  const std::lock_guard lock(mutex);
  --fake.modules;
  return 0;
}
api::Result cuModuleGetFunction(api::Function *function, api::Module, const char *name) {
  const std::lock_guard lock(mutex);
  const auto found = kernels.find(name);
  if (found == kernels.end() || (fake.missingKernel && std::string(name) == fake.missingKernel))
    return NotFound;
  *function = reinterpret_cast<api::Function>(&found->second);
  return 0;
}

api::Result cuMemAlloc_v2(api::Pointer *memory, size_t bytes) {
  const std::lock_guard lock(mutex);
  if (bytes == 0)
    return InvalidValue;
  if (fake.allocated + bytes > fake.memory)
    return OutOfMemory;
  const int file = memfd_create("fake device memory", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, off_t(bytes)) != 0)
    return OutOfMemory;
  void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (made == MAP_FAILED)
    return OutOfMemory;
  allocations[made] = {bytes, file};
  fake.allocated += bytes;
  *memory = reinterpret_cast<uintptr_t>(made);
  return 0;
}
api::Result cuMemFree_v2(api::Pointer memory) {
  const std::lock_guard lock(mutex);
  const auto found = allocations.find(host(memory));
  if (found == allocations.end())
    return InvalidValue;
  fake.allocated -= found->second.bytes;
  munmap(found->first, found->second.bytes);
  close(found->second.file);
  allocations.erase(found);
  return 0;
}

api::Result cuIpcGetMemHandle(api::IpcHandle *handle, api::Pointer memory) {
  const std::lock_guard lock(mutex);
  const auto found = allocations.find(host(memory));
  if (found == allocations.end())
    return InvalidValue;
  const Shared shared{getpid(), found->second.file, found->second.bytes};
  std::memcpy(handle, &shared, sizeof shared);
  return 0;
}
api::Result cuIpcOpenMemHandle_v2(api::Pointer *memory, api::IpcHandle handle, unsigned) {
  const std::lock_guard lock(mutex);
  Shared shared{};
  std::memcpy(&shared, &handle, sizeof shared);
  const std::string path = "/proc/" + std::to_string(shared.process) + "/fd/" + std::to_string(shared.file);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(nullptr, shared.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED)
    return InvalidValue;
  allocations[mapped] = {shared.bytes, file};
  fake.allocated += shared.bytes;
  *memory = reinterpret_cast<uintptr_t>(mapped);
  return 0;
}
api::Result cuIpcCloseMemHandle(api::Pointer memory) { return cuMemFree_v2(memory); }

api::Result cuMemcpyHtoDAsync_v2(api::Pointer to, const void *from, size_t bytes, api::Stream) {
  std::memcpy(host(to), from, bytes);
  return 0;
}
api::Result cuMemcpyDtoHAsync_v2(void *to, api::Pointer from, size_t bytes, api::Stream) {
  std::memcpy(to, host(from), bytes);
  return 0;
}
api::Result cuMemcpyDtoDAsync_v2(api::Pointer to, api::Pointer from, size_t bytes, api::Stream) {
  std::memmove(host(to), host(from), bytes);
  return 0;
}
api::Result cuMemsetD8Async(api::Pointer to, unsigned char value, size_t bytes, api::Stream) {
  std::memset(host(to), value, bytes);
  return 0;
}

api::Result cuMemcpy2DAsync_v2(const api::Copy2D *copy, api::Stream) {
  if (copy->fromKind != api::DeviceMemory || copy->toKind != api::DeviceMemory || copy->fromPitch < copy->widthBytes ||
      copy->toPitch < copy->widthBytes)
    return InvalidValue;
  for (size_t row = 0; row < copy->height; ++row)
    std::memcpy(host(copy->to + row * copy->toPitch), host(copy->from + row * copy->fromPitch), copy->widthBytes);
  return 0;
}

api::Result cuStreamCreate(api::Stream *stream, unsigned) {
  const std::lock_guard lock(mutex);
  ++fake.streams;
  *stream = reinterpret_cast<api::Stream>(&fake.streams);
  return 0;
}
api::Result cuStreamDestroy_v2(api::Stream) {
  const std::lock_guard lock(mutex);
  --fake.streams;
  return 0;
}
api::Result cuStreamSynchronize(api::Stream) { return fake.waitResult; }
api::Result cuStreamQuery(api::Stream) { return fake.waitResult; }

api::Result cuEventCreate(api::Event *event, unsigned) {
  const std::lock_guard lock(mutex);
  ++fake.events;
  *event = reinterpret_cast<api::Event>(new Clock::time_point());
  return 0;
}
api::Result cuEventDestroy_v2(api::Event event) {
  const std::lock_guard lock(mutex);
  --fake.events;
  delete &timeOf(event);
  return 0;
}
api::Result cuEventRecord(api::Event event, api::Stream) {
  timeOf(event) = Clock::now();
  return 0;
}
api::Result cuEventQuery(api::Event) { return fake.waitResult; }
api::Result cuEventSynchronize(api::Event) { return fake.waitResult; }
api::Result cuEventElapsedTime(float *milliseconds, api::Event begin, api::Event end) {
  if (timeOf(begin) == Clock::time_point() || timeOf(end) == Clock::time_point())
    return InvalidHandle; // one is in no stream
  *milliseconds = std::chrono::duration<float, std::milli>(timeOf(end) - timeOf(begin)).count();
  return 0;
}

api::Result cuLaunchKernel(api::Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                           unsigned blockY, unsigned blockZ, unsigned, api::Stream, void **p, void **) {
  if (gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 || gridX == 0 || blockX == 0 || blockX > 1024)
    return InvalidValue;
  {
    const std::lock_guard lock(mutex);
    fake.blocks = gridX;
    fake.threads = blockX;
  }
  if (fake.launchResult)
    return fake.launchResult;
  const Kernel &kernel = *reinterpret_cast<const Kernel *>(function);
  const auto *offsets = static_cast<const uint32_t *>(host(argument<api::Pointer>(p, 2)));
  const auto *rows = static_cast<const uint64_t *>(host(argument<api::Pointer>(p, 3)));
  if (kernel.isPush)
    reinterpret_cast<faro_abi_push_fn>(kernel.entry)(host(argument<api::Pointer>(p, 0)), argument<int64_t>(p, 1),
                                                     offsets, rows, argument<int64_t>(p, 4), argument<int64_t>(p, 5));
  else
    reinterpret_cast<faro_abi_pull_fn>(kernel.entry)(host(argument<api::Pointer>(p, 0)), argument<int64_t>(p, 1),
                                                     offsets, rows,
                                                     static_cast<const float *>(host(argument<api::Pointer>(p, 4))),
                                                     argument<int64_t>(p, 5), argument<int64_t>(p, 6));
  return 0;
}
}
