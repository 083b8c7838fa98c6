#include "plugins/ucx/Transport.h"

#include "plugins/ucx/Envelope.h"
#include "plugins/ucx/UcsStatus.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace faro::ucx {

constexpr unsigned MessageId = 1; // of active messages; Faro has one kind

Transport::Transport(const faro_transport_config &config, std::shared_ptr<Worker> worker)
    : rank_(config.rank), job_(fingerprint(std::as_bytes(std::span(config.job, std::strlen(config.job))))),
      handler_(config.on_message), user_(config.user), peers_(config.world_size), worker_(std::move(worker)) {
  for (uint32_t rank = 0; rank < config.world_size; ++rank) {
    peers_[rank].owner = this;
    peers_[rank].rank = rank;
  }
}

Expected<std::unique_ptr<Transport>> Transport::create(const faro_transport_config &config) {
  auto context = Context::create(config.world_size, config.loopback_only != 0);
  if (!context)
    return context.status();
  auto worker = Worker::create(*context);
  if (!worker)
    return worker.status();
  std::unique_ptr<Transport> transport(new Transport(config, *worker));
  transport->wakeFd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (transport->wakeFd_ < 0)
    return Status(FARO_UNAVAILABLE, fmt::format("creating an eventfd: {}", std::strerror(errno)));
  FARO_RETURN_IF_ERROR((*worker)->receive(MessageId, onMessage, transport.get()));
  auto address = (*worker)->address();
  if (!address)
    return address.status();
  transport->address_ = seal(Content::Address, config.rank, *address);
  return transport;
}

Transport::~Transport() {
  close(Clock::now());
  if (wakeFd_ >= 0)
    ::close(wakeFd_);
}

void Transport::close(Clock::time_point deadline) {
  // Nobody waits for peers that are known to be gone; UCX has cancelled what was meant for them.
  if (dirty_) {
    const Request flushed = worker_->flush();
    worker_->progressUntil([&] { return flushed.done() && outgoing_.empty(); }, deadline);
    dirty_ = false;
  }
  for (Peer &peer : peers_)
    if (peer.endpoint)
      peer.endpoint->startClose();
  worker_->progressUntil(
      [this] {
        for (const Peer &peer : peers_)
          if (peer.endpoint && !peer.endpoint->closed())
            return false;
        return true;
      },
      deadline);
  for (Peer &peer : peers_)
    peer.endpoint.reset();
}

Status Transport::checkPeer(uint32_t rank) const {
  if (rank >= peers_.size())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("there is no rank {}; the job has {}", rank, peers_.size()));
  if (rank == rank_)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} is this rank itself, not a peer", rank));
  return Status::ok();
}

Status Transport::checkConnected(uint32_t rank) const {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  if (!peers_[rank].endpoint)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has not been connected", rank));
  return peers_[rank].endpoint->state();
}

Status Transport::peerState(uint32_t rank) const {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  return peers_[rank].endpoint ? peers_[rank].endpoint->state() : Status::ok();
}

Status Transport::connect(uint32_t rank, std::span<const std::byte> address) {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  const auto payload = open(Content::Address, rank, address);
  if (!payload)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("these {} bytes are not the address of rank {}", address.size(), rank));
  if (peers_[rank].endpoint)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has been connected before", rank));
  auto endpoint = Endpoint::create(worker_, rank, payload->data());
  if (!endpoint)
    return endpoint.status();
  peers_[rank].endpoint = *endpoint;
  return Status::ok();
}

Expected<std::unique_ptr<RemoteKey>> Transport::map(uint32_t rank, std::span<const std::byte> key) {
  FARO_RETURN_IF_ERROR(checkConnected(rank));
  const auto payload = open(Content::Key, rank, key);
  if (!payload)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("these {} bytes are not a key of rank {}", key.size(), rank));
  return RemoteKey::create(peers_[rank].endpoint, *payload);
}

Status Transport::put(RemoteKey &remote, uint64_t offset, std::span<const faro_iov> pieces) {
  FARO_RETURN_IF_ERROR(remote.endpoint().state());
  uint64_t end = offset;
  for (const faro_iov &piece : pieces) {
    if (end > remote.size() || piece.size > remote.size() - end)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("a put at offset {} of rank {} ends behind the region's {} bytes", offset,
                                remote.endpoint().peer(), remote.size()));
    end += piece.size;
  }
  for (const faro_iov &piece : pieces) {
    if (!piece.size)
      continue;
    if (remote.pointer()) {
      // Endpoints that notice failures put over tcp, even to a peer whose memory we can store to.
      std::memcpy(remote.pointer() + offset, piece.data, piece.size);
    } else {
      ucp_request_param_t params{};
      params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
      params.cb.send = onPut;
      params.user_data = &peers_[remote.endpoint().peer()];
      params.memory_type = UCS_MEMORY_TYPE_HOST;
      const ucs_status_ptr_t request = ucp_put_nbx(remote.endpoint().handle(), piece.data, piece.size,
                                                   remote.base() + offset, remote.handle(), &params);
      if (UCS_PTR_IS_ERR(request)) {
        remote.endpoint().markFailed(UCS_PTR_STATUS(request), "a put could not be started");
        return remote.endpoint().state();
      }
      dirty_ = true;
    }
    offset += piece.size;
  }
  return Status::ok();
}

void Transport::onPut(void *request, ucs_status_t status, void *user) {
  auto *peer = static_cast<Peer *>(user);
  if (status != UCS_OK) {
    peer->endpoint->markFailed(status, "a put did not land");
    if (peer->owner->putFailure_)
      peer->owner->putFailure_ = peer->endpoint->state();
  }
  ucp_request_free(request);
}

Status Transport::flush(Clock::time_point deadline) {
  // Copies made by `put` itself become visible before whatever the caller does next.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!dirty_)
    return Status::ok();
  const Request flushed = worker_->flush();
  if (!worker_->progressUntil([&] { return flushed.done(); }, deadline))
    return Status(FARO_DEADLINE_EXCEEDED, "puts have not landed within the time given; a peer may be stuck");
  dirty_ = false;
  if (Status failure = std::exchange(putFailure_, Status::ok()); !failure)
    return failure;
  // The flush also covers peers that nothing was put to; their failure is for peer_state to tell.
  return Status::ok();
}

Inbox::Handler Transport::handlerFor(const Peer &peer) {
  return [this, rank = peer.rank](uint32_t tag, std::span<const std::byte> bytes) {
    ++delivered_;
    if (handler_)
      handler_(user_, rank, tag, bytes.data(), bytes.size());
  };
}

Status Transport::send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  FARO_RETURN_IF_ERROR(checkConnected(rank));
  Peer &peer = peers_[rank];
  Outgoing &message = outgoing_.emplace_front();
  message.peer = &peer;
  message.header = {job_, peer.sent++, rank_, tag};
  message.bytes.assign(bytes.begin(), bytes.end());
  message.self = outgoing_.begin();

  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  params.cb.send = onSent;
  params.user_data = &message;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
  const ucs_status_ptr_t request =
      ucp_am_send_nbx(peer.endpoint->handle(), MessageId, &message.header, sizeof message.header, message.bytes.data(),
                      message.bytes.size(), &params);
  if (UCS_PTR_IS_PTR(request)) {
    dirty_ = true;
    return Status::ok(); // onSent forgets the message
  }
  outgoing_.pop_front();
  if (UCS_PTR_IS_ERR(request)) {
    // A number was used up, so this peer would hold back all that follows: the connection is of no use any more.
    peer.endpoint->markFailed(UCS_PTR_STATUS(request), "a message could not be sent");
    return peer.endpoint->state();
  }
  dirty_ = true;
  return Status::ok();
}

void Transport::onSent(void *request, ucs_status_t status, void *user) {
  auto *message = static_cast<Outgoing *>(user);
  if (status != UCS_OK)
    message->peer->endpoint->markFailed(status, "a message was not delivered");
  Transport *self = message->peer->owner;
  self->outgoing_.erase(message->self);
  ucp_request_free(request);
}

ucs_status_t Transport::onMessage(void *user, const void *headerData, size_t headerSize, void *data, size_t size,
                                  const ucp_am_recv_param_t *param) {
  auto *self = static_cast<Transport *>(user);
  MessageHeader header;
  if (headerSize != sizeof header)
    return UCS_OK;
  std::memcpy(&header, headerData, sizeof header);
  if (header.job != self->job_ || header.rank >= self->peers_.size())
    return UCS_OK;
  Peer &peer = self->peers_[header.rank];
  if (!(param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV)) {
    peer.inbox.arrived(header.number, header.tag, {static_cast<const std::byte *>(data), size}, self->handlerFor(peer));
    return UCS_OK;
  }

  std::byte *to = peer.inbox.expect(header.number, header.tag, size);
  if (!to)
    return UCS_OK; // a number that was used twice: not from our code
  Incoming &incoming = self->incoming_.emplace_front(Incoming{&peer, header.number, {}});
  incoming.self = self->incoming_.begin();
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                        UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv_am = onReceived;
  params.user_data = &incoming;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
  const ucs_status_ptr_t request = ucp_am_recv_data_nbx(self->worker_->handle(), data, to, size, &params);
  if (UCS_PTR_IS_ERR(request)) {
    peer.inbox.lost(header.number);
    if (peer.endpoint)
      peer.endpoint->markFailed(UCS_PTR_STATUS(request), "a message could not be fetched");
    self->incoming_.pop_front();
  }
  return UCS_INPROGRESS; // the descriptor is UCX's again
}

void Transport::onReceived(void *request, ucs_status_t status, size_t, void *user) {
  auto *incoming = static_cast<Incoming *>(user);
  Peer &peer = *incoming->peer;
  const uint64_t number = incoming->number;
  peer.owner->incoming_.erase(incoming->self);
  ucp_request_free(request);
  if (status == UCS_OK) {
    peer.inbox.completed(number, peer.owner->handlerFor(peer));
    return;
  }
  peer.inbox.lost(number);
  if (peer.endpoint)
    peer.endpoint->markFailed(status, "a message did not arrive in full");
}

uint32_t Transport::progress() {
  const uint32_t before = delivered_;
  const unsigned events = worker_->progress();
  return events + (delivered_ - before);
}

Status Transport::sleep(Clock::time_point deadline) {
  FARO_RETURN_IF_ERROR(worker_->sleep(wakeFd_, deadline));
  uint64_t wakes = 0; // an eventfd is emptied by one read; EAGAIN says that nobody has called wake
  [[maybe_unused]] const ssize_t got = read(wakeFd_, &wakes, sizeof wakes);
  return Status::ok();
}

void Transport::wake() {
  const uint64_t one = 1; // fails only when 2^64 - 2 wakes are pending
  [[maybe_unused]] const ssize_t put = write(wakeFd_, &one, sizeof one);
}

} // namespace faro::ucx
