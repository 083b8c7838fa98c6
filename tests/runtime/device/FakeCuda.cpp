#include "tests/runtime/device/FakeCuda.h"

#include "runtime/device/cuda/DriverApi.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace api = faro::cuda::api;

namespace {

faro::test::FakeCuda fake;
std::map<void *, size_t> allocations;
constexpr int InvalidValue = 1, OutOfMemory = 2, NotFound = 500;
// What handles point to.
int context, module, pushKernel, pullKernel;

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
                                            : fake.multiprocessors;
  return 0;
}
api::Result cuDevicePrimaryCtxRetain(api::Context *to, api::Ordinal) {
  ++fake.contexts;
  *to = reinterpret_cast<api::Context>(&context);
  return 0;
}
api::Result cuDevicePrimaryCtxRelease_v2(api::Ordinal) {
  --fake.contexts;
  return 0;
}
api::Result cuCtxSetCurrent(api::Context) { return 0; }

api::Result cuModuleLoadDataEx(api::Module *to, const void *image, unsigned options, int *names, void **values) {
  fake.image = image;
  if (fake.loadResult) {
    for (unsigned i = 0; i < options; ++i)
      if (names[i] == api::JitErrorLogBuffer)
        std::strcpy(static_cast<char *>(values[i]), fake.loadLog);
    return fake.loadResult;
  }
  ++fake.modules;
  *to = reinterpret_cast<api::Module>(&module);
  return 0;
}
api::Result cuModuleUnload(api::Module) {
  --fake.modules;
  return 0;
}
api::Result cuModuleGetFunction(api::Function *function, api::Module, const char *name) {
  if (fake.missingKernel && std::string(name) == fake.missingKernel)
    return NotFound;
  const bool push = std::string(name).find("push") != std::string::npos;
  *function = reinterpret_cast<api::Function>(push ? &pushKernel : &pullKernel);
  return 0;
}

api::Result cuMemAlloc_v2(api::Pointer *memory, size_t bytes) {
  if (bytes == 0)
    return InvalidValue;
  if (fake.allocated + bytes > fake.memory)
    return OutOfMemory;
  void *made = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  allocations[made] = bytes;
  fake.allocated += bytes;
  *memory = reinterpret_cast<uintptr_t>(made);
  return 0;
}
api::Result cuMemFree_v2(api::Pointer memory) {
  const auto found = allocations.find(host(memory));
  if (found == allocations.end())
    return InvalidValue;
  fake.allocated -= found->second;
  std::free(found->first);
  allocations.erase(found);
  return 0;
}
api::Result cuMemcpyHtoDAsync_v2(api::Pointer to, const void *from, size_t bytes, api::Stream) {
  std::memcpy(host(to), from, bytes);
  return 0;
}
api::Result cuMemcpyDtoHAsync_v2(void *to, api::Pointer from, size_t bytes, api::Stream) {
  std::memcpy(to, host(from), bytes);
  return 0;
}
api::Result cuMemsetD8Async(api::Pointer to, unsigned char value, size_t bytes, api::Stream) {
  std::memset(host(to), value, bytes);
  return 0;
}

api::Result cuStreamCreate(api::Stream *stream, unsigned) {
  ++fake.streams;
  *stream = reinterpret_cast<api::Stream>(&fake.streams);
  return 0;
}
api::Result cuStreamDestroy_v2(api::Stream) {
  --fake.streams;
  return 0;
}
api::Result cuStreamSynchronize(api::Stream) { return fake.waitResult; }
api::Result cuStreamQuery(api::Stream) { return fake.waitResult; }

api::Result cuLaunchKernel(api::Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                           unsigned blockY, unsigned blockZ, unsigned, api::Stream, void **p, void **) {
  if (gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 || gridX == 0 || blockX == 0 || blockX > 1024)
    return InvalidValue;
  fake.blocks = gridX;
  fake.threads = blockX;
  if (fake.launchResult)
    return fake.launchResult;
  if (function == reinterpret_cast<api::Function>(&pushKernel))
    fake.push(host(argument<api::Pointer>(p, 0)), argument<int64_t>(p, 1),
              static_cast<const uint32_t *>(host(argument<api::Pointer>(p, 2))),
              static_cast<const uint64_t *>(host(argument<api::Pointer>(p, 3))), argument<int64_t>(p, 4),
              argument<int64_t>(p, 5));
  else
    fake.pull(host(argument<api::Pointer>(p, 0)), argument<int64_t>(p, 1),
              static_cast<const uint32_t *>(host(argument<api::Pointer>(p, 2))),
              static_cast<const uint64_t *>(host(argument<api::Pointer>(p, 3))),
              static_cast<const float *>(host(argument<api::Pointer>(p, 4))), argument<int64_t>(p, 5),
              argument<int64_t>(p, 6));
  return 0;
}
}
