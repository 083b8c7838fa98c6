// Starts Faro's own threads.
#pragma once

#include "faro/status.h"

#include <csignal>
#include <fmt/format.h>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace faro {

/// Why there is no thread, or no process, and what to do.
inline std::string describeNoThread(const std::string &why) {
  return fmt::format(
      "{}; too many processes and threads, or no memory for another: `ulimit -u` says how many this user may have, "
      "pids.max of its cgroup how many a container, `ulimit -v` how much memory a process",
      why);
}

/// A thread that leaves signals to the process's own threads: one that waits there does not end the process here, and
/// no handler of the program's runs on a thread it does not know. Errors: UNAVAILABLE, `what` cannot be started.
template <typename Work> Expected<std::thread> startThread(const std::string &what, Work work) {
  sigset_t all, before;
  sigfillset(&all);
  // One that is blocked when its own thread causes it ends the process without a word.
  for (int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, &before); // a new thread starts with what is blocked here
  Expected<std::thread> thread = std::thread();
  try {
    thread = std::thread(std::move(work));
  } catch (const std::system_error &error) {
    thread = Status(FARO_UNAVAILABLE, fmt::format("cannot start {}: {}", what, describeNoThread(error.what())));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

} // namespace faro
