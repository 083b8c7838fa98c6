// Memory that a child process maps as well: a file without a name, which is gone with the last process that has it.
#pragma once

#include "faro/status.h"

#include <cstddef>
#include <string>

namespace faro::bench {

class SharedMemory {
public:
  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  Status create();
  /// At least so many bytes, at another address than before. It never shrinks: the child may have it mapped.
  Status grow(size_t bytes);
  char *data() const { return base; }
  int descriptor() const { return fd; }

private:
  int fd = -1;
  char *base = nullptr;
  size_t size = 0;
};

} // namespace faro::bench
