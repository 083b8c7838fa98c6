#include "runtime/tools/faro-run/Watchdog.h"

#include "runtime/tools/faro-run/OutputFile.h"

#include <csignal>
#include <unistd.h>

namespace faro::run {

Watchdog::Watchdog(std::chrono::steady_clock::time_point end, std::function<void()> tell) {
  // Signals are for the main thread: the new thread starts with all of them blocked.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this, end, tell = std::move(tell)] {
    std::unique_lock lock(mutex_);
    if (wake_.wait_until(lock, end, [this] { return over_; }))
      return;
    tell();
    removeTemporaries();
    ::_exit(1);
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

} // namespace faro::run
