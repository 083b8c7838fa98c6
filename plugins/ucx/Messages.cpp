#include "plugins/ucx/Messages.h"

#include <cstring>

namespace faro::ucx {

Inbox::Handler Messages::handlerFor(const Peer &peer) {
  return [this, rank = peer.rank](uint32_t tag, std::span<const std::byte> bytes) {
    ++delivered_;
    if (handler_)
      handler_(user_, rank, tag, bytes.data(), bytes.size());
  };
}

Status Messages::send(Peer &peer, uint32_t tag, std::span<const std::byte> bytes) {
  Outgoing &message = outgoing_.emplace_front();
  message.owner = this;
  message.peer = &peer;
  message.header = {job_, peer.sent++, rank_, tag};
  message.bytes.assign(bytes.begin(), bytes.end());
  message.self = outgoing_.begin();

  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  params.cb.send = onSent;
  params.user_data = &message;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
  if (bytes.empty()) {
    params.op_attr_mask |= UCP_OP_ATTR_FIELD_FLAGS;
    params.flags = UCP_AM_SEND_FLAG_EAGER; // UCX 1.13 loses a rendezvous about nothing
  }
  const ucs_status_ptr_t request = ucp_am_send_nbx(peer.endpoint->handle(), Id, &message.header, sizeof message.header,
                                                   message.bytes.data(), message.bytes.size(), &params);
  if (UCS_PTR_IS_PTR(request))
    return Status::ok(); // onSent forgets the message
  outgoing_.pop_front();
  // A number was used up, so this peer would hold back all that follows: the connection is of no use any more.
  if (UCS_PTR_IS_ERR(request))
    peer.markFailed(UCS_PTR_STATUS(request), "a message could not be sent");
  return peer.state();
}

void Messages::onSent(void *request, ucs_status_t status, void *user) {
  auto *message = static_cast<Outgoing *>(user);
  if (status != UCS_OK)
    message->peer->markFailed(status, "a message was not delivered");
  message->owner->outgoing_.erase(message->self);
  ucp_request_free(request);
}

ucs_status_t Messages::onMessage(void *user, const void *headerData, size_t headerSize, void *data, size_t size,
                                 const ucp_am_recv_param_t *param) {
  auto *self = static_cast<Messages *>(user);
  Header header;
  if (headerSize != sizeof header)
    return UCS_OK;
  std::memcpy(&header, headerData, sizeof header);
  Peer *peer = header.job == self->job_ ? self->peers_.hear(header.rank) : nullptr;
  if (!peer)
    return UCS_OK;
  if (!(param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV)) {
    peer->inbox.arrived(header.number, header.tag, {static_cast<const std::byte *>(data), size},
                        self->handlerFor(*peer));
    return UCS_OK;
  }

  std::byte *to = peer->inbox.expect(header.number, header.tag, size);
  if (!to)
    return UCS_OK; // a number that was used twice: not from our code
  Incoming &incoming = self->incoming_.emplace_front(Incoming{self, peer, header.number, {}});
  incoming.self = self->incoming_.begin();
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                        UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv_am = onReceived;
  params.user_data = &incoming;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
  const ucs_status_ptr_t request = ucp_am_recv_data_nbx(self->peers_.workerOf(*peer).handle(), data, to, size, &params);
  if (UCS_PTR_IS_ERR(request)) {
    peer->inbox.lost(header.number);
    peer->markFailed(UCS_PTR_STATUS(request), "a message could not be fetched");
    self->incoming_.pop_front();
  }
  return UCS_INPROGRESS; // the descriptor is UCX's again
}

void Messages::onReceived(void *request, ucs_status_t status, size_t, void *user) {
  auto *incoming = static_cast<Incoming *>(user);
  Messages *self = incoming->owner;
  Peer &peer = *incoming->peer;
  const uint64_t number = incoming->number;
  self->incoming_.erase(incoming->self);
  ucp_request_free(request);
  if (status == UCS_OK) {
    peer.inbox.completed(number, self->handlerFor(peer));
    return;
  }
  peer.inbox.lost(number);
  peer.markFailed(status, "a message did not arrive in full");
}

} // namespace faro::ucx
