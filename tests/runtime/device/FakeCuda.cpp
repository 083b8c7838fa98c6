#include "tests/runtime/device/FakeCuda.h"

#include "runtime/device/cuda/DriverApi.h"
#include "tests/ptx/Machine.h"
#include "tests/runtime/device/FakeMemory.h"
#include "tests/runtime/device/FakeStream.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace api = faro::cuda::api;

namespace {

/// What a function handle points to.
struct Kernel {
  const faro::test::ptx::Function *code = nullptr; ///< or, where that is null, the test's push or pull
  bool isPush = false, isWrong = false;
};

/// What a module handle points to.
struct LoadedModule {
  faro::test::ptx::Program program;
  std::map<std::string, Kernel> kernels;
};

faro::test::FakeCuda fake;
int context; // what its handle points to

using namespace faro::test::results;
using faro::test::allocationOf;
using faro::test::current;
using faro::test::FakeEvent;
using faro::test::FakeStream;
using faro::test::host;
using faro::test::mutex;
using Clock = std::chrono::steady_clock;
FakeEvent &eventOf(api::Event event) { return *reinterpret_cast<FakeEvent *>(event); }
FakeStream &streamOf(api::Stream stream) {
  static FakeStream usual;
  return stream ? *reinterpret_cast<FakeStream *>(stream) : usual;
}

/// The kernels of an image: a text's, or the test's. Null where there are none, as in machine code.
std::unique_ptr<LoadedModule> kernelsOf(const char *image) {
  auto loaded = std::make_unique<LoadedModule>();
  if (std::strncmp(image, "//", 2) != 0) {
    loaded->kernels = {{"dispatch_push", {nullptr, /*isPush=*/true}}, {"combine_pull", {}}};
    return fake.push ? std::move(loaded) : nullptr;
  }
  std::string error;
  if (!faro::test::ptx::parse(image, loaded->program, error)) {
    std::fprintf(stderr, "PTX: %s\n", error.c_str());
    return nullptr;
  }
  const char *wrong = std::getenv("FAKE_CUDA_WRONG");
  for (const auto &[name, function] : loaded->program.functions)
    loaded->kernels[name] = {&function, false, wrong && name == wrong};
  return loaded;
}

template <typename T> T argument(void **parameters, int index) { return *static_cast<T *>(parameters[index]); }

/// A kernel's list of rows in `to`, as the host has them, from entry offsets[begin] on. False when it holds an address
/// that no kernel reaches.
bool takeRows(std::vector<uint64_t> &to, const uint64_t *rows, const uint32_t *offsets, int64_t begin, int64_t end) {
  for (uint32_t i = offsets[begin]; i < offsets[end]; ++i) {
    if (!allocationOf(rows[i]).host)
      return false;
    to.push_back(reinterpret_cast<uintptr_t>(host(rows[i])));
  }
  return true;
}

/// Of the test's push or pull.
struct Launch {
  bool isPush;
  api::Pointer rows, offsets, addresses, weights; ///< `rows`: a push's source, a pull's output
  int64_t stride, begin, end;

  int operator()() const {
    const auto *counts = static_cast<const uint32_t *>(host(offsets));
    const auto *list = static_cast<const uint64_t *>(host(addresses));
    std::vector<uint64_t> taken;
    if (!allocationOf(rows + uint64_t(begin) * uint64_t(stride)).host || !allocationOf(offsets).host)
      return IllegalAddress;
    if (!takeRows(taken, list, counts, begin, end))
      return IllegalAddress;
    const auto *origin = reinterpret_cast<const uint64_t *>(reinterpret_cast<uintptr_t>(taken.data()) -
                                                            counts[begin] * sizeof(uint64_t));
    if (isPush)
      fake.push(host(rows), stride, counts, origin, begin, end);
    else
      fake.pull(host(rows), stride, counts, origin, static_cast<const float *>(host(weights)), begin, end);
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
  const char *multiprocessors = std::getenv("FAKE_CUDA_MULTIPROCESSORS");
  *value = attribute == api::MajorVersion           ? fake.major
           : attribute == api::MinorVersion         ? fake.minor
           : attribute == api::CacheBytes           ? fake.cacheBytes
           : attribute == api::RemoteWritesFlushes  ? fake.remoteWritesFlushes
           : attribute == api::RemoteWritesOrdering ? fake.remoteWritesOrdering
           : multiprocessors                        ? std::atoi(multiprocessors)
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
  auto loaded = kernelsOf(static_cast<const char *>(image));
  if (!loaded)
    return NoBinaryForGpu;
  ++fake.modules;
  *to = reinterpret_cast<api::Module>(loaded.release());
  return 0;
}
api::Result cuModuleUnload(api::Module module) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  --fake.modules;
  delete reinterpret_cast<LoadedModule *>(module);
  return 0;
}
api::Result cuModuleGetFunction(api::Function *function, api::Module module, const char *name) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  auto &kernels = reinterpret_cast<LoadedModule *>(module)->kernels;
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
  streamOf(stream).put(
      [=] {
        std::memmove(host(to), host(from), bytes);
        return 0;
      },
      /*withinDevice=*/true);
  return 0;
}
api::Result cuMemsetD8Async(api::Pointer to, unsigned char value, size_t bytes, api::Stream stream) {
  if (!current())
    return InvalidContext;
  streamOf(stream).put(
      [=] {
        std::memset(host(to), value, bytes);
        return 0;
      },
      /*withinDevice=*/true);
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
  delete &streamOf(stream); // it has a lock of its own
  const std::lock_guard lock(mutex);
  --fake.streams;
  return 0;
}
/// What a test wants to go wrong comes first.
api::Result resultOf(api::Result found) { return fake.waitResult ? fake.waitResult : found; }
api::Result cuStreamSynchronize(api::Stream stream) {
  return resultOf(streamOf(stream).wait(streamOf(stream).place()));
}

api::Result cuEventCreate(api::Event *event, unsigned flags) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  ++fake.events;
  auto *made = new FakeEvent();
  made->isTimed = !(flags & api::EventWithoutTime);
  *event = reinterpret_cast<api::Event>(made);
  return 0;
}
api::Result cuEventDestroy_v2(api::Event event) {
  const std::lock_guard lock(mutex);
  --fake.events;
  delete &eventOf(event);
  return 0;
}
api::Result cuEventRecord(api::Event event, api::Stream stream) {
  FakeEvent &of = eventOf(event);
  of = {Clock::now(), &streamOf(stream), streamOf(stream).place(), 0, of.isTimed};
  return 0;
}
api::Result cuEventQuery(api::Event event) {
  if (faro::test::isForbidden()) // and the captures are spoiled
    return faro::test::CaptureUnsupported;
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
  if (!eventOf(begin).isTimed || !eventOf(end).isTimed)
    return InvalidHandle;
  *milliseconds = std::chrono::duration<float, std::milli>(eventOf(end).time - eventOf(begin).time).count();
  return 0;
}

api::Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, api::Function, int threads, size_t) {
  *blocks = threads > 1024 ? 0 : std::min(2048 / threads, 65536 / (fake.registers * threads));
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
  if (const auto *code = kernel.code) {
    std::vector<uint64_t> parameters;
    for (size_t i = 0; i < code->parameterBits.size(); ++i) {
      parameters.push_back(0);
      std::memcpy(&parameters.back(), p[i], code->parameterBits[i] / 8);
    }
    streamOf(stream).put(
        [code, gridX, blockX, parameters] {
          faro::test::ptx::Work work;
          const auto fault = faro::test::ptx::run(*code, {gridX, blockX}, parameters, allocationOf, &work);
          if (fault.code)
            std::fprintf(stderr, "PTX: %s\n", fault.what.c_str());
          if (std::getenv("FAKE_CUDA_WORK"))
            std::fprintf(stderr, "%s: %u x %u threads, %llu instructions, %llu of the longest thread\n",
                         code->name.c_str(), gridX, blockX, static_cast<unsigned long long>(work.all),
                         static_cast<unsigned long long>(work.longest));
          return fault.code;
        },
        /*withinDevice=*/true);
    return 0;
  }
  const auto pointer = [p](int index) { return argument<api::Pointer>(p, index); };
  const auto number = [p](int index) { return argument<int64_t>(p, index); };
  if (kernel.isPush)
    streamOf(stream).put(Launch{true, pointer(0), pointer(2), pointer(3), 0, number(1), number(4), number(5)},
                         /*withinDevice=*/true);
  else
    streamOf(stream).put(Launch{false, pointer(0), pointer(2), pointer(3), pointer(4), number(1), number(5), number(6)},
                         /*withinDevice=*/true);
  return 0;
}
}
