#include "runtime/tools/faro-run/LeftMemory.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/shm.h>
#include <unistd.h>

namespace faro::run {

void removeSegmentsOf(std::span<const pid_t> children) {
  if (children.empty())
    return;
  std::ifstream segments("/proc/sysvipc/shm"); // where there is none, nothing can be known
  for (std::string line; std::getline(segments, line);) {
    // Named ones have another program's name: UCX's have none.
    long long key = 0;
    int id = -1;
    pid_t creator = 0;
    unsigned long attached = 0;
    uid_t owner = 0;
    if (std::sscanf(line.c_str(), "%lld %d %*o %*u %d %*d %lu %u", &key, &id, &creator, &attached, &owner) != 5)
      continue; // the heading
    if (key != IPC_PRIVATE || attached != 0 || owner != ::geteuid() ||
        std::ranges::find(children, creator) == children.end())
      continue;
    // Its number may be another process's by now, which has just made a segment and is about to attach it.
    if (::kill(creator, 0) != 0 && errno == ESRCH)
      ::shmctl(id, IPC_RMID, nullptr);
  }
}

} // namespace faro::run
