// A ucp_worker_h: queues of one rank, and the file descriptor that says when to look at them.
#pragma once

#include "plugins/ucx/Context.h"
#include "plugins/ucx/Request.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace faro::ucx {

using Clock = std::chrono::steady_clock;

class Worker {
public:
  static Expected<std::shared_ptr<Worker>> create(std::shared_ptr<Context> context);
  ~Worker();
  Worker(const Worker &) = delete;
  Worker &operator=(const Worker &) = delete;

  ucp_worker_h handle() const { return handle_; }
  const std::shared_ptr<Context> &context() const { return context_; }

  /// Messages with this id go to `callback`, with `user` as its first argument. `flags`: of ucp_am_cb_flags.
  Status receive(unsigned id, ucp_am_recv_callback_t callback, void *user, uint32_t flags = 0);
  Expected<std::vector<std::byte>> address() const;

  unsigned progress() { return ucp_worker_progress(handle_); }
  /// Makes UCX's events readable at `eventFd`. False: there are some that nobody has looked at.
  Expected<bool> arm();
  int eventFd() const { return eventFd_; }
  /// Completes when everything started before is complete at the peers.
  Request flush();

private:
  Worker(std::shared_ptr<Context> context, ucp_worker_h handle) : context_(std::move(context)), handle_(handle) {}
  std::shared_ptr<Context> context_;
  ucp_worker_h handle_;
  int eventFd_ = -1; // belongs to the worker
};

/// Waits until UCX has something to do on any of these, `wakeFd` (may be -1) is readable, or the deadline.
Status sleepOn(std::span<const std::shared_ptr<Worker>> workers, int wakeFd, Clock::time_point deadline);

/// Makes progress until `done()`, sleeping in between. False when the deadline came first.
bool progressUntil(std::span<const std::shared_ptr<Worker>> workers, const std::function<bool()> &done,
                   Clock::time_point deadline);

/// Makes progress until nothing has happened for 20 ms, or the deadline.
void progressUntilQuiet(std::span<const std::shared_ptr<Worker>> workers, Clock::time_point deadline);

} // namespace faro::ucx
