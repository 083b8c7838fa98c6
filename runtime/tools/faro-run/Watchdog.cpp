#include "runtime/tools/faro-run/Watchdog.h"

#include "runtime/core/Thread.h"
#include "runtime/tools/faro-run/OutputFile.h"

#include <unistd.h>

namespace faro::run {

Expected<std::unique_ptr<Watchdog>> Watchdog::start(std::chrono::steady_clock::time_point end,
                                                    std::function<void()> tell) {
  std::unique_ptr<Watchdog> watchdog(new Watchdog);
  auto thread = startThread("the thread that watches --timeout", [self = watchdog.get(), end, tell = std::move(tell)] {
    std::unique_lock lock(self->mutex_);
    if (self->wake_.wait_until(lock, end, [self] { return self->over_; }))
      return;
    tell();
    removeTemporaries();
    ::_exit(1);
  });
  if (!thread)
    return thread.status();
  watchdog->thread_ = std::move(*thread);
  return watchdog;
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

} // namespace faro::run
