#include "runtime/tools/faro-run/Watchdog.h"

#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/OutputFile.h"

#include <unistd.h>

namespace faro::run {

Watchdog::Watchdog(std::chrono::steady_clock::time_point end, std::function<void()> tell) {
  const NoSignalsForThreads none;
  thread_ = std::thread([this, end, tell = std::move(tell)] {
    std::unique_lock lock(mutex_);
    if (wake_.wait_until(lock, end, [this] { return over_; }))
      return;
    tell();
    removeTemporaries();
    ::_exit(1);
  });
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
