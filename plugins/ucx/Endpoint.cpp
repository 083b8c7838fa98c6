#include "plugins/ucx/Endpoint.h"

#include "plugins/ucx/Log.h"
#include "plugins/ucx/UcsStatus.h"

#include <fmt/format.h>

namespace faro::ucx {

Expected<std::shared_ptr<Endpoint>> Endpoint::create(std::shared_ptr<Worker> worker, uint32_t peer,
                                                     const void *address) {
  std::shared_ptr<Endpoint> endpoint(new Endpoint(std::move(worker), peer));
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = static_cast<const ucp_address_t *>(address);
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = onError;
  params.err_handler.arg = endpoint.get();
  if (ucs_status_t status = ucp_ep_create(endpoint->worker_->handle(), &params, &endpoint->handle_); status != UCS_OK) {
    endpoint->handle_ = nullptr;
    const bool deaf = loggedError().find("no peer failure handler") != std::string::npos;
    return toStatus(status, fmt::format("connecting to rank {}{}", peer,
                                        deaf ? " (UCX_TLS and UCX_NET_DEVICES must leave a transport that "
                                               "notices when a peer dies: tcp or InfiniBand beside shared memory)"
                                             : ""));
  }
  return endpoint;
}

Endpoint::~Endpoint() {
  if (!handle_)
    return;
  startClose();
  // Forced closing needs some progress of our own and nothing of the peer; the bound is there for UCX's sake. It counts
  // from the first request, so that many endpoints that were closed together take no longer than one.
  progressUntil(std::span(&worker_, 1), [this] { return closed(); }, closingSince_ + std::chrono::seconds(1));
}

void Endpoint::onError(void *self, ucp_ep_h, ucs_status_t status) {
  static_cast<Endpoint *>(self)->markFailed(status, "its connection broke");
}

void Endpoint::markFailed(ucs_status_t status, const char *noticed) {
  // The first sign is the cause; what follows are its consequences.
  if (state_)
    state_ = Status(FARO_PEER_FAILED, fmt::format("rank {} died or closed its transport: {} ({})", peer_, noticed,
                                                  ucs_status_string(status)));
}

void Endpoint::startClose() {
  if (closing_ || !handle_)
    return;
  closing_ = true;
  closingSince_ = Clock::now();
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  params.flags = UCP_EP_CLOSE_FLAG_FORCE;
  closeRequest_ = Request(ucp_ep_close_nbx(handle_, &params));
}

} // namespace faro::ucx
