// Ends this process when its time is over, even when the main thread is stuck in a compiler or a transport.
#pragma once

#include "faro/status.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace faro::run {

class Watchdog {
public:
  /// At `end`: `tell` says so, on a thread of its own, hidden files are removed, the exit status is 1.
  static Expected<std::unique_ptr<Watchdog>> start(std::chrono::steady_clock::time_point end,
                                                   std::function<void()> tell);
  ~Watchdog();
  Watchdog(const Watchdog &) = delete;
  Watchdog &operator=(const Watchdog &) = delete;

private:
  Watchdog() = default;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

} // namespace faro::run
