// The device's memory is a file without a name, which other processes can open.
#include "tests/runtime/device/FakeMemory.h"

#include "tests/runtime/device/FakeCuda.h"
#include "tests/runtime/device/FakeStream.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace api = faro::cuda::api;
using namespace faro::test::results;
using faro::test::current;
using faro::test::host;
using faro::test::mutex;

extern "C" faro::test::FakeCuda *fakeCuda();

namespace {

/// In a file; or none: host memory that was registered.
struct Allocation {
  size_t bytes;
  int file;
};
constexpr int NoFile = -1;

std::map<void *, Allocation> allocations;
faro::test::FakeCuda &fake = *fakeCuda();

/// What an inter-process handle says.
struct Shared {
  int process, file;
  size_t bytes;
};

/// With $FAKE_CUDA_STRICT, addresses of the device are none of the host's: who mistakes one for the other dies at once.
api::Pointer tag() {
  static const api::Pointer tag = std::getenv("FAKE_CUDA_STRICT") ? api::Pointer(1) << 62 : 0;
  return tag;
}
api::Pointer there(const void *address) { return reinterpret_cast<uintptr_t>(address) | tag(); }

} // namespace

void *faro::test::host(api::Pointer address) { return reinterpret_cast<void *>(uintptr_t(address & ~tag())); }

faro::test::ptx::Range faro::test::allocationOf(api::Pointer address) {
  const std::lock_guard lock(mutex);
  const auto behind = allocations.upper_bound(host(address));
  if ((address & tag()) != tag() || behind == allocations.begin())
    return {};
  const auto &[base, memory] = *std::prev(behind);
  return {there(base), there(base) + memory.bytes, static_cast<std::byte *>(base)};
}

extern "C" {

api::Result cuMemAlloc_v2(api::Pointer *memory, size_t bytes) {
  if (!current())
    return InvalidContext;
  if (bytes == 0)
    return InvalidValue;
  if (faro::test::isForbidden())
    return faro::test::CaptureUnsupported;
  faro::test::Running::waitForNone(); // they may need the lock
  const std::lock_guard lock(mutex);
  if (fake.allocated + bytes > fake.memory)
    return OutOfMemory;
  const int file = memfd_create("fake device memory", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, off_t(bytes)) != 0)
    return OutOfMemory;
  void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (made == MAP_FAILED)
    return OutOfMemory;
  std::memset(made, 0xa5, bytes); // a device's new memory holds what somebody left
  allocations[made] = {bytes, file};
  fake.allocated += bytes;
  *memory = there(made);
  return 0;
}
api::Result cuMemFree_v2(api::Pointer memory) {
  if (!current())
    return InvalidContext;
  faro::test::Running::waitForNone();
  const std::lock_guard lock(mutex);
  const auto found = allocations.find(host(memory));
  if (found == allocations.end() || found->second.file == NoFile)
    return InvalidValue;
  fake.allocated -= found->second.bytes;
  munmap(found->first, found->second.bytes);
  close(found->second.file);
  allocations.erase(found);
  return 0;
}

api::Result cuIpcGetMemHandle(api::IpcHandle *handle, api::Pointer memory) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  const auto found = allocations.find(host(memory));
  if (found == allocations.end())
    return InvalidValue;
  const Shared shared{getpid(), found->second.file, found->second.bytes};
  std::memcpy(handle, &shared, sizeof shared);
  return 0;
}
api::Result cuIpcOpenMemHandle_v2(api::Pointer *memory, api::IpcHandle handle, unsigned) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  Shared shared{};
  std::memcpy(&shared, &handle, sizeof shared);
  if (shared.process == getpid())
    return InvalidContext; // as drivers do
  const std::string path = "/proc/" + std::to_string(shared.process) + "/fd/" + std::to_string(shared.file);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(nullptr, shared.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED)
    return InvalidValue;
  allocations[mapped] = {shared.bytes, file};
  fake.allocated += shared.bytes;
  *memory = there(mapped);
  return 0;
}
api::Result cuIpcCloseMemHandle(api::Pointer memory) { return cuMemFree_v2(memory); }

api::Result cuMemHostRegister_v2(void *memory, size_t bytes, unsigned flags) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  if (bytes == 0 || (flags & ~unsigned(api::HostRegisterPortable | api::HostRegisterDeviceMap)))
    return InvalidValue;
  if (fake.registerResult)
    return fake.registerResult;
  if (!allocations.emplace(memory, Allocation{bytes, NoFile}).second)
    return AlreadyRegistered;
  fake.registered += bytes;
  return 0;
}
api::Result cuMemHostUnregister(void *memory) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  const auto found = allocations.find(memory);
  if (found == allocations.end() || found->second.file != NoFile)
    return InvalidValue;
  fake.registered -= found->second.bytes;
  allocations.erase(found);
  return 0;
}
api::Result cuMemHostGetDevicePointer_v2(api::Pointer *to, void *memory, unsigned) {
  if (!current())
    return InvalidContext;
  const std::lock_guard lock(mutex);
  if (!allocations.contains(memory))
    return InvalidValue;
  *to = there(memory);
  return 0;
}
}
