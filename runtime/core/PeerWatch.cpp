#include "runtime/core/PeerWatch.h"

#include <cerrno>
#include <climits>
#include <fstream>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace faro {

std::string bootIdentity() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  return boot;
}

ProcessPlace ProcessPlace::mine() {
  ProcessPlace place;
  place.process = getpid();
  place.boot = bootIdentity();
  char space[PATH_MAX];
  if (const ssize_t size = readlink("/proc/self/ns/pid", space, sizeof space); size > 0)
    place.space.assign(space, size_t(size));
  return place;
}

Digest ProcessPlace::digest() const {
  const std::string name = boot + "/" + space + "/" + std::to_string(process);
  return sha256(std::as_bytes(std::span(name)));
}

PeerWatch::PeerWatch() : mine_(ProcessPlace::mine()), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

void PeerWatch::add(uint32_t rank, const ProcessPlace &place) {
  if (!epoll_ || !place.sharesNumbers(mine_) || place.process == mine_.process)
    return;
  FileDescriptor process(int(syscall(SYS_pidfd_open, pid_t(place.process), 0)));
  if (!process) {
    // No such process: it was there when it told us its number. Other errors (an old kernel, a sandbox) leave the
    // other ways to notice a death.
    if (errno == ESRCH)
      ended_.push_back(rank);
    return;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = rank;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, process.get(), &event) == 0)
    processes_[rank] = std::move(process);
}

std::vector<uint32_t> PeerWatch::ended() {
  std::vector<uint32_t> ranks = std::move(ended_);
  ended_.clear();
  epoll_event events[16];
  int count = 0;
  while (!processes_.empty() && (count = epoll_wait(epoll_.get(), events, 16, 0)) > 0)
    for (int i = 0; i < count; ++i) {
      ranks.push_back(events[i].data.u32);
      processes_.erase(events[i].data.u32); // closing it takes it out of the epoll as well
    }
  return ranks;
}

} // namespace faro
