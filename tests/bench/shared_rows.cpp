#include "tests/bench/shared_rows.h"

#include "tests/bench/memory.h"
#include "tests/bench/require.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/shm.h>

namespace faro::bench {

static void *attach(int id, const char *whose) {
  void *at = shmat(id, nullptr, 0);
  if (at == reinterpret_cast<void *>(-1))
    endJob(fmt::format("attaching the shared memory of {}: {}", whose, std::strerror(errno)));
  return at;
}

SharedRows::SharedRows(Control &control, const std::vector<int> &members, size_t size)
    : self(control.rank), bytes((std::max<size_t>(size, 1) + 4095) / 4096 * 4096), mapped(size_t(control.ranks)),
      view(size_t(control.ranks)) {
  const int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id < 0)
    endJob(fmt::format("no shared memory of {} bytes: {}; use fewer --tokens", bytes, std::strerror(errno)));
  const auto see = [&](int member, int its, const char *whose) -> SharedView & {
    mapped[size_t(member)] = attach(its, whose);
    shmid_ds segment{}; // ranks may have segments of different sizes
    if (shmctl(its, IPC_STAT, &segment) != 0)
      endJob(fmt::format("asking for the size of the shared memory of {}: {}", whose, std::strerror(errno)));
    return view[size_t(member)] = SharedView(static_cast<std::byte *>(mapped[size_t(member)]), segment.shm_segsz);
  };
  const auto must = [](const Status &status) {
    if (!status)
      endJob(status.message());
  };
  must(see(self, id, "this rank").makePages());
  const std::vector<std::string> ids = control.allgather(std::to_string(id));
  for (int member : members)
    if (member != self)
      must(see(member, std::stoi(ids[size_t(member)]), "another rank").mapPages());
  control.barrier();
  shmctl(id, IPC_RMID, nullptr); // goes away with the last rank that has it attached
}

SharedRows::~SharedRows() {
  view.clear();
  for (void *at : mapped)
    if (at)
      shmdt(at);
}

void SharedRows::wipe() { std::memset(mine(), WipeByte, bytes); }
void SharedRows::flush() { flushFromCaches(mine(), bytes); }

} // namespace faro::bench
