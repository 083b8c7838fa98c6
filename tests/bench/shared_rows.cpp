#include "tests/bench/shared_rows.h"

#include "tests/bench/memory.h"
#include "tests/bench/require.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/shm.h>

namespace faro::bench {

static char *attach(int id, const char *whose) {
  void *at = shmat(id, nullptr, 0);
  if (at == reinterpret_cast<void *>(-1))
    endJob(fmt::format("attaching the shared memory of {}: {}", whose, std::strerror(errno)));
  return static_cast<char *>(at);
}

SharedRows::SharedRows(Control &control, const std::vector<int> &members, size_t size)
    : self(control.rank), bytes(std::max<size_t>(size, 1)), base(size_t(control.ranks)) {
  const int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id < 0)
    endJob(fmt::format("no shared memory of {} bytes: {}; use fewer --tokens", bytes, std::strerror(errno)));
  base[size_t(self)] = attach(id, "this rank");
  std::memset(mine(), 0, bytes);
  const std::vector<std::string> ids = control.allgather(std::to_string(id));
  for (int member : members)
    if (member != self)
      base[size_t(member)] = attach(std::stoi(ids[size_t(member)]), "another rank");
  control.barrier();
  shmctl(id, IPC_RMID, nullptr); // goes away with the last rank that has it attached
}

SharedRows::~SharedRows() {
  for (char *at : base)
    if (at)
      shmdt(at);
}

void SharedRows::wipe() { std::memset(mine(), WipeByte, bytes); }
void SharedRows::flush() { flushFromCaches(mine(), bytes); }

} // namespace faro::bench
