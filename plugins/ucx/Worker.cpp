#include "plugins/ucx/Worker.h"

#include "plugins/ucx/UcsStatus.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>

namespace faro::ucx {

Expected<std::shared_ptr<Worker>> Worker::create(std::shared_ptr<Context> context) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE | UCP_WORKER_PARAM_FIELD_FLAGS;
  // One thread at a time, but not always the same one.
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  // A rank that leaves because a peer died drops requests that nobody will ever answer.
  params.flags = UCP_WORKER_FLAG_IGNORE_REQUEST_LEAK;
  ucp_worker_h handle = nullptr;
  if (ucs_status_t status = ucp_worker_create(context->handle(), &params, &handle); status != UCS_OK)
    return toStatus(status,
                    "creating a UCX worker (do `ipcs -l` allow more shared memory, and `ulimit -n` more open files?)");
  std::shared_ptr<Worker> worker(new Worker(std::move(context), handle));
  if (ucs_status_t status = ucp_worker_get_efd(handle, &worker->eventFd_); status != UCS_OK)
    return toStatus(status, "asking UCX for a file descriptor to sleep on");
  return worker;
}

Worker::~Worker() { ucp_worker_destroy(handle_); }

Status Worker::receive(unsigned id, ucp_am_recv_callback_t callback, void *user, uint32_t flags) {
  ucp_am_handler_param_t params{};
  params.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS | UCP_AM_HANDLER_PARAM_FIELD_CB |
                      UCP_AM_HANDLER_PARAM_FIELD_ARG;
  params.id = id;
  params.flags = flags;
  params.cb = callback;
  params.arg = user;
  const ucs_status_t status = ucp_worker_set_am_recv_handler(handle_, &params);
  return status == UCS_OK ? Status::ok() : toStatus(status, "registering a message handler");
}

Expected<std::vector<std::byte>> Worker::address() const {
  ucp_address_t *data = nullptr;
  size_t size = 0;
  if (ucs_status_t status = ucp_worker_get_address(handle_, &data, &size); status != UCS_OK)
    return toStatus(status, "asking UCX for this rank's address");
  const auto *bytes = reinterpret_cast<const std::byte *>(data);
  std::vector<std::byte> address(bytes, bytes + size);
  ucp_worker_release_address(handle_, data);
  return address;
}

Expected<bool> Worker::arm() {
  const ucs_status_t armed = ucp_worker_arm(handle_);
  if (armed != UCS_OK && armed != UCS_ERR_BUSY)
    return toStatus(armed, "arming UCX's events");
  return armed == UCS_OK;
}

Request Worker::flush() {
  ucp_request_param_t params{};
  return Request(ucp_worker_flush_nbx(handle_, &params));
}

Status sleepOn(std::span<const std::shared_ptr<Worker>> workers, int wakeFd, Clock::time_point deadline) {
  std::vector<pollfd> fds = {{wakeFd, POLLIN, 0}}; // poll skips a negative descriptor
  for (const auto &worker : workers) {
    const auto armed = worker->arm();
    if (!armed)
      return armed.status();
    if (!*armed)
      return Status::ok(); // no reason to sleep
    fds.push_back({worker->eventFd(), POLLIN, 0});
  }
  const auto left = std::max(Clock::duration::zero(), deadline - Clock::now());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec timeout{time_t(seconds.count()), long(std::chrono::nanoseconds(left - seconds).count())};
  if (ppoll(fds.data(), fds.size(), &timeout, nullptr) < 0 && errno != EINTR)
    return Status(FARO_INTERNAL, fmt::format("waiting for UCX's events: {}", std::strerror(errno)));
  return Status::ok();
}

bool progressUntil(std::span<const std::shared_ptr<Worker>> workers, const std::function<bool()> &done,
                   Clock::time_point deadline) {
  // Most waits end within microseconds; after that the core belongs to other ranks.
  constexpr int Spins = 200;
  for (int idle = 0; !done();) {
    unsigned events = 0;
    for (const auto &worker : workers)
      events += worker->progress();
    if (events) {
      idle = 0;
      continue;
    }
    if (Clock::now() >= deadline)
      return false;
    if (++idle < Spins)
      continue;
    // A slice, not the whole time: a failing endpoint does not always raise an event.
    if (!sleepOn(workers, -1, std::min(deadline, Clock::now() + std::chrono::milliseconds(5))))
      return false;
  }
  return true;
}

void progressUntilQuiet(std::span<const std::shared_ptr<Worker>> workers, Clock::time_point deadline) {
  constexpr auto Quiet = std::chrono::milliseconds(20);
  auto until = Clock::now() + Quiet;
  while (Clock::now() < std::min(until, deadline)) {
    unsigned events = 0;
    for (const auto &worker : workers)
      events += worker->progress();
    if (events)
      until = Clock::now() + Quiet;
    else if (!sleepOn(workers, -1, std::min(Clock::now() + std::chrono::milliseconds(1), deadline)))
      return;
  }
}

} // namespace faro::ucx
