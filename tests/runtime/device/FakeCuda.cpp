#include "tests/runtime/device/FakeCuda.h"

#include "runtime/abi/faro_abi.h"
#include "runtime/device/cuda/DriverApi.h"
#include "tests/runtime/device/FakeMemory.h"
#include "tests/runtime/device/FakeStream.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>
#include <vector>

namespace api = faro::cuda::api;

namespace {

/// What a function handle points to.
struct Kernel {
  bool isPush;
  void (*entry)();
  bool isPlan = false, isWrong = false;
};

faro::test::FakeCuda fake;
std::map<std::string, Kernel> kernels;
int context, module; // what handles point to

using namespace faro::test::results;
using faro::test::current;
using faro::test::FakeEvent;
using faro::test::FakeStream;
using faro::test::host;
using faro::test::isKnown;
using faro::test::mutex;
using Clock = std::chrono::steady_clock;
FakeEvent &eventOf(api::Event event) { return *reinterpret_cast<FakeEvent *>(event); }
FakeStream &streamOf(api::Stream stream) {
  static FakeStream usual;
  return stream ? *reinterpret_cast<FakeStream *>(stream) : usual;
}

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
    const char *wrong = std::getenv("FAKE_CUDA_WRONG");
    kernels[name] = {isPush, set.kernels[k].entry, name.find("_plan_") != std::string::npos, wrong && name == wrong};
  }
}

template <typename T> T argument(void **parameters, int index) { return *static_cast<T *>(parameters[index]); }

/// A kernel's list of rows in `to`, as the host has them, from entry offsets[begin] on. False when it holds an address
/// that no kernel reaches.
bool takeRows(std::vector<uint64_t> &to, const uint64_t *rows, const uint32_t *offsets, int64_t begin, int64_t end) {
  const std::lock_guard lock(mutex);
  for (uint32_t i = offsets[begin]; i < offsets[end]; ++i) {
    if (!isKnown(rows[i]))
      return false;
    to.push_back(reinterpret_cast<uintptr_t>(host(rows[i])));
  }
  to.insert(to.end(), FARO_ABI_MAX_TOPK, to.empty() ? 0 : to.back()); // a pull prefetches
  return true;
}

struct Launch {
  Kernel kernel;
  api::Pointer rows, offsets, addresses, weights; ///< `rows`: a push's source, a pull's output
  int64_t stride, begin, end;

  int operator()() const {
    const auto *counts = static_cast<const uint32_t *>(host(offsets));
    const auto *list = static_cast<const uint64_t *>(host(addresses));
    std::vector<uint64_t> taken;
    {
      const std::lock_guard lock(mutex);
      if (!isKnown(rows + uint64_t(begin) * uint64_t(stride)) || !isKnown(offsets))
        return IllegalAddress;
    }
    if (!takeRows(taken, list, counts, begin, end))
      return IllegalAddress;
    const auto *origin = reinterpret_cast<const uint64_t *>(reinterpret_cast<uintptr_t>(taken.data()) -
                                                            counts[begin] * sizeof(uint64_t));
    if (kernel.isPush)
      reinterpret_cast<faro_abi_push_fn>(kernel.entry)(host(rows), stride, counts, origin, begin, end);
    else
      reinterpret_cast<faro_abi_pull_fn>(kernel.entry)(host(rows), stride, counts, origin,
                                                       static_cast<const float *>(host(weights)), begin, end);
    return 0;
  }
};

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
  *value = attribute == api::MajorVersion           ? fake.major
           : attribute == api::MinorVersion         ? fake.minor
           : attribute == api::CacheBytes           ? fake.cacheBytes
           : attribute == api::RemoteWritesFlushes  ? fake.remoteWritesFlushes
           : attribute == api::RemoteWritesOrdering ? fake.remoteWritesOrdering
                                                    : fake.multiprocessors;
  return 0;
}
api::Result cuFlushGPUDirectRDMAWrites(int, int) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  ++fake.flushes;
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
api::Result cuCtxSetCurrent(api::Context context) {
  current() = context;
  return 0;
}
api::Result cuCtxGetCurrent(api::Context *to) {
  *to = current();
  return 0;
}

api::Result cuModuleLoadDataEx(api::Module *to, const void *image, unsigned options, int *names, void **values) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  fake.image = image;
  if (fake.loadResult && (!fake.refused || image == fake.refused)) {
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
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  --fake.modules;
  return 0;
}
api::Result cuModuleGetFunction(api::Function *function, api::Module, const char *name) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  const auto found = kernels.find(name);
  if (found == kernels.end() || (fake.missingKernel && std::string(name) == fake.missingKernel))
    return NotFound;
  *function = reinterpret_cast<api::Function>(&found->second);
  return 0;
}

// Pageable memory: what is copied to the device is taken at once, and what is copied from it is there on return.
api::Result cuMemcpyHtoDAsync_v2(api::Pointer to, const void *from, size_t bytes, api::Stream stream) {
  if (!current())
    return InvalidContext;
  const auto *begin = static_cast<const std::byte *>(from);
  streamOf(stream).put([to, taken = std::vector<std::byte>(begin, begin + bytes)] {
    std::memcpy(host(to), taken.data(), taken.size());
    return 0;
  });
  return 0;
}
api::Result cuMemcpyDtoHAsync_v2(void *to, api::Pointer from, size_t bytes, api::Stream stream) {
  if (!current())
    return InvalidContext;
  FakeStream &in = streamOf(stream);
  in.put([=] {
    std::memcpy(to, host(from), bytes);
    return 0;
  });
  in.wait(in.place());
  return 0;
}
api::Result cuMemcpyDtoDAsync_v2(api::Pointer to, api::Pointer from, size_t bytes, api::Stream stream) {
  if (!current())
    return InvalidContext;
  streamOf(stream).put([=] {
    std::memmove(host(to), host(from), bytes);
    return 0;
  });
  return 0;
}
api::Result cuMemsetD8Async(api::Pointer to, unsigned char value, size_t bytes, api::Stream stream) {
  if (!current())
    return InvalidContext;
  streamOf(stream).put([=] {
    std::memset(host(to), value, bytes);
    return 0;
  });
  return 0;
}

api::Result cuMemcpy2DAsync_v2(const api::Copy2D *copy, api::Stream stream) {
  if (!current())
    return InvalidContext;
  if (copy->fromKind != api::DeviceMemory || copy->toKind != api::DeviceMemory || copy->fromPitch < copy->widthBytes ||
      copy->toPitch < copy->widthBytes)
    return InvalidValue;
  streamOf(stream).put([copy = *copy] {
    for (size_t row = 0; row < copy.height; ++row)
      std::memcpy(host(copy.to + row * copy.toPitch), host(copy.from + row * copy.fromPitch), copy.widthBytes);
    return 0;
  });
  return 0;
}

api::Result cuStreamCreate(api::Stream *stream, unsigned) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  ++fake.streams;
  *stream = reinterpret_cast<api::Stream>(new FakeStream());
  return 0;
}
api::Result cuStreamDestroy_v2(api::Stream stream) {
  if (streamOf(stream).wait(streamOf(stream).place()) == IllegalAddress) {
    std::fputs("a kernel uses memory that is gone\n", stderr);
    std::abort();
  }
  const std::lock_guard lock(mutex);
  --fake.streams;
  delete &streamOf(stream);
  return 0;
}
/// What a test wants to go wrong comes first.
api::Result resultOf(api::Result found) { return fake.waitResult ? fake.waitResult : found; }
api::Result cuStreamSynchronize(api::Stream stream) {
  return resultOf(streamOf(stream).wait(streamOf(stream).place()));
}

api::Result cuEventCreate(api::Event *event, unsigned) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  ++fake.events;
  *event = reinterpret_cast<api::Event>(new FakeEvent());
  return 0;
}
api::Result cuEventDestroy_v2(api::Event event) {
  const std::lock_guard lock(mutex);
  --fake.events;
  delete &eventOf(event);
  return 0;
}
api::Result cuEventRecord(api::Event event, api::Stream stream) {
  eventOf(event) = {Clock::now(), &streamOf(stream), streamOf(stream).place()};
  return 0;
}
api::Result cuEventQuery(api::Event event) {
  FakeEvent &of = eventOf(event);
  return resultOf(of.stream ? of.stream->query(of.place, of.asked) : 0);
}
api::Result cuStreamWaitEvent(api::Stream stream, api::Event event, unsigned) {
  if (const FakeEvent of = eventOf(event); of.stream)
    streamOf(stream).put([of] { return of.stream->waitFromOutside(of.place); });
  return 0;
}
api::Result cuEventSynchronize(api::Event event) {
  FakeEvent &of = eventOf(event);
  return resultOf(of.stream ? of.stream->wait(of.place) : 0);
}
api::Result cuEventElapsedTime(float *milliseconds, api::Event begin, api::Event end) {
  if (!eventOf(begin).stream || !eventOf(end).stream)
    return InvalidHandle; // one is in no stream
  *milliseconds = std::chrono::duration<float, std::milli>(eventOf(end).time - eventOf(begin).time).count();
  return 0;
}

api::Result cuLaunchKernel(api::Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                           unsigned blockY, unsigned blockZ, unsigned, api::Stream stream, void **p, void **) {
  if (!current())
    return InvalidContext;
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
  if (kernel.isWrong)
    return 0;
  const auto pointer = [p](int index) { return argument<api::Pointer>(p, index); };
  const auto number = [p](int index) { return argument<int64_t>(p, index); };
  if (kernel.isPlan)
    streamOf(stream).put(
        [entry = reinterpret_cast<faro_abi_plan_fn>(kernel.entry), area = pointer(0), given = pointer(1),
         tokens = pointer(2), many = number(3)] {
          entry(static_cast<const faro_abi_plan_area *>(host(area)), host(given),
                static_cast<const int64_t *>(host(tokens)), many);
          return 0;
        },
        /*isLaunch=*/true);
  else if (kernel.isPush)
    streamOf(stream).put(Launch{kernel, pointer(0), pointer(2), pointer(3), 0, number(1), number(4), number(5)},
                         /*isLaunch=*/true);
  else
    streamOf(stream).put(
        Launch{kernel, pointer(0), pointer(2), pointer(3), pointer(4), number(1), number(5), number(6)},
        /*isLaunch=*/true);
  return 0;
}
}
