// A ucp_ep_h: the way to one peer.
#pragma once

#include "plugins/ucx/Worker.h"

#include <functional>
#include <string>

namespace faro::ucx {

class Endpoint {
public:
  /// `address` is what the peer's Worker::address gave. Returns before the connection stands.
  static Expected<std::shared_ptr<Endpoint>> create(std::shared_ptr<Worker> worker, uint32_t peer, const void *address);
  ~Endpoint();
  Endpoint(const Endpoint &) = delete;
  Endpoint &operator=(const Endpoint &) = delete;

  ucp_ep_h handle() const { return handle_; }
  uint32_t peer() const { return peer_; }
  const std::shared_ptr<Worker> &worker() const { return worker_; }

  /// OK, or how the peer's failure was noticed.
  const Status &state() const { return state_; }
  void markFailed(ucs_status_t status, const char *noticed);

  /// Starts to tear the connection down without waiting for the peer; what is under way is cancelled.
  void startClose();
  /// Whether startClose has come to its end.
  bool closed() const { return closing_ && closeRequest_.done(); }

private:
  Endpoint(std::shared_ptr<Worker> worker, uint32_t peer) : worker_(std::move(worker)), peer_(peer) {}
  static void onError(void *self, ucp_ep_h handle, ucs_status_t status);

  std::shared_ptr<Worker> worker_;
  uint32_t peer_;
  ucp_ep_h handle_ = nullptr;
  Status state_;
  bool closing_ = false;
  Clock::time_point closingSince_;
  Request closeRequest_;
};

} // namespace faro::ucx
