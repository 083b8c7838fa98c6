// What a non-blocking UCX call gives back.
#pragma once

#include <ucp/api/ucp.h>
#include <utility>

namespace faro::ucx {

/// Finished at once (with a status), or still going on. Dropping one that goes on lets UCX finish it alone; the memory
/// it works on must stay.
class Request {
public:
  Request() = default;
  explicit Request(ucs_status_ptr_t raw) : raw_(raw) {}
  Request(Request &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Request &operator=(Request &&other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Request() {
    if (UCS_PTR_IS_PTR(raw_))
      ucp_request_free(raw_);
  }

  /// UCS_INPROGRESS while it goes on.
  ucs_status_t status() const {
    return UCS_PTR_IS_PTR(raw_) ? ucp_request_check_status(raw_) : UCS_PTR_RAW_STATUS(raw_);
  }
  bool done() const { return status() != UCS_INPROGRESS; }

private:
  ucs_status_ptr_t raw_ = nullptr;
};

} // namespace faro::ucx
