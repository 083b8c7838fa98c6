#include "tests/bench/device/shared_memory.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace faro::bench {

SharedMemory::~SharedMemory() {
  if (base)
    ::munmap(base, size);
  if (fd >= 0)
    ::close(fd);
}

Status SharedMemory::create() {
  fd = ::memfd_create("faro-bench", MFD_CLOEXEC);
  if (fd < 0)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("no memory to share with torch: memfd_create: {}", std::strerror(errno)));
  return Status::ok();
}

Status SharedMemory::grow(size_t bytes) {
  if (bytes <= size)
    return Status::ok();
  if (base)
    ::munmap(base, size);
  base = nullptr;
  size = 0;
  // Room that is not there is said now, not by a signal at the first store.
  int error = ::posix_fallocate(fd, 0, off_t(bytes));
  void *mapped = MAP_FAILED;
  if (!error) {
    mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    error = mapped == MAP_FAILED ? errno : 0;
  }
  if (error)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("no room for {} bytes to share with torch: {}; try fewer --tokens or --ranks", bytes,
                              std::strerror(error)));
  base = static_cast<char *>(mapped);
  size = bytes;
  return Status::ok();
}

} // namespace faro::bench
