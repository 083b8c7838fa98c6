#include "runtime/core/CommunicatorImpl.h"

#include "runtime/core/Exceptions.h"
#include "runtime/core/TransportPlugin.h"
#include "runtime/core/Wire.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace faro {

/// A rank that gives up says why over the control connection and then ends. The end is often noticed first; this is how
/// long the reason may take to get here.
constexpr auto ReasonMayTake = std::chrono::milliseconds(300);
/// After a failure, how long what is under way may take to come to its end.
constexpr auto GivingUpTakes = std::chrono::seconds(1);
/// How long closing connections may take where nobody waits for what they carry.
constexpr auto LeavingTakes = std::chrono::milliseconds(200);
/// How long connections are waited for before looking whether the job still stands.
constexpr auto ConnectionsPatience = std::chrono::milliseconds(50);
/// How long a rank that is done waits for the others, so that nobody loses a peer in the middle of its last call.
constexpr auto LeaveTogether = std::chrono::seconds(10);

void SoloBootstrap::abort(const Status &why) {
  if (failure_)
    failure_ = Status(FARO_ABORTED, saidBy(0, why.message()));
}

CommunicatorImpl::CommunicatorImpl(CommunicatorOptions options, Topology topology, std::unique_ptr<Bootstrap> bootstrap)
    : Communicator(std::move(options), std::move(topology)), bootstrap_(std::move(bootstrap)), channels_(rank()) {}

/// What a handler does. Exceptions must not pass the transport, which is called from C in the middle of its own work:
/// the communicator has failed, as the next `check` finds out, and the answer is no.
template <typename Work> static auto handled(void *user, Work work) -> decltype(work(std::declval<Channels &>())) {
  auto &channels = *static_cast<Channels *>(user);
  try {
    return work(channels);
  } catch (...) {
    channels.note(statusOfException());
    return decltype(work(channels))();
  }
}

/// The transport's handlers; `user` is the Channels.
static void listen(faro_transport_config &config, Channels &channels) {
  config.user = &channels;
  config.on_message = [](void *user, uint32_t rank, uint32_t tag, const void *data, size_t size) {
    handled(user, [&](Channels &c) { c.message(rank, tag, {static_cast<const std::byte *>(data), size}); });
  };
  config.on_place = [](void *user, uint32_t rank, uint64_t tag, size_t size, size_t rowBytes) {
    return handled(user, [&](Channels &c) { return c.place(rank, tag, size, rowBytes); });
  };
  config.on_arrived = [](void *user, uint32_t rank, uint64_t tag, size_t size) {
    handled(user, [&](Channels &c) { c.arrived(rank, tag, size); });
  };
  config.on_lost = [](void *user, uint32_t rank, uint64_t tag, size_t size) {
    handled(user, [&](Channels &c) { c.lost(rank, tag, size); });
  };
  config.on_sent = [](void *user, uint64_t token) { handled(user, [&](Channels &c) { c.sent(token); }); };
  config.on_whole = [](void *user, uint32_t rank, uint64_t tag, const void *data, size_t size) -> int {
    return handled(user, [&](Channels &c) { return c.whole(rank, tag, {static_cast<const std::byte *>(data), size}); });
  };
}

Expected<std::shared_ptr<CommunicatorImpl>> CommunicatorImpl::create(CommunicatorOptions options, Topology topology,
                                                                     std::unique_ptr<Bootstrap> bootstrap,
                                                                     bool loopback) {
  std::shared_ptr<CommunicatorImpl> self(
      new CommunicatorImpl(std::move(options), std::move(topology), std::move(bootstrap)));
  auto transport = loadTransport(self->options_.transport);
  if (!transport) {
    self->abort(transport.status());
    return transport.status();
  }
  self->transport_ = *transport;
  faro_transport_config config{};
  config.struct_size = sizeof config;
  config.rank = self->rank();
  config.world_size = self->size();
  config.job = self->bootstrap_->job().c_str();
  config.loopback_only = loopback;
  config.node_of = self->topology().nodeOfRanks().data();
  listen(config, self->channels_);
  if (faro_status code = self->transport_->open(&config, &self->context_)) {
    self->context_ = nullptr;
    const Status status =
        transportError(*self->transport_, code,
                       fmt::format("rank {} cannot open the transport '{}'", self->rank(), self->options_.transport));
    self->abort(status);
    return status;
  }
  return self;
}

CommunicatorImpl::~CommunicatorImpl() {
  if (failure_) {
    const auto patience = std::min<Nanoseconds>(timeout(), LeaveTogether);
    // What this rank said last arrives while everybody is still there, and connections that are being made for it
    // stand: see settle.
    if (context_ && transport_->capabilities & FARO_CAN_PUT)
      transport_->flush(context_, patience.count());
    bootstrap_->leave(patience, [this] {
      if (context_)
        transport_->progress(context_);
      return Status::ok();
    });
  }
  if (context_)
    transport_->close(context_, Nanoseconds(std::chrono::seconds(1)).count());
}

uint32_t CommunicatorImpl::machineRanks() const {
  return std::max(1 + neighbours_, uint32_t(topology().ranksOf(topology().nodeOf(rank())).size()));
}

Expected<Bytes> CommunicatorImpl::introduction() const {
  const void *address = nullptr;
  size_t size = 0;
  if (faro_status code = transport_->address(context_, &address, &size))
    return transportError(*transport_, code, fmt::format("rank {} has no address for the others", rank()));
  const ProcessPlace place = ProcessPlace::mine();
  FrameWriter fields{FrameKind(0)};
  fields.text(options_.transport).number(place.process).text(place.boot).text(place.space);
  fields.blob({static_cast<const std::byte *>(address), size});
  return *fields.finish();
}

Status CommunicatorImpl::connect(const std::vector<Bytes> &introductions) {
  const ProcessPlace mine = ProcessPlace::mine();
  // Beginning behind oneself, so that not all ranks knock at rank 0 first.
  for (uint32_t step = 1; step < size(); ++step) {
    const uint32_t peer = (rank() + step) % size();
    FrameReader reader(FrameReader::payloadOf(introductions[peer]));
    const std::string transport = reader.text();
    ProcessPlace place;
    place.process = reader.number<int64_t>();
    place.boot = reader.text();
    place.space = reader.text();
    const auto address = reader.blob();
    if (!reader.ok)
      return Status(FARO_DATA_LOSS, fmt::format("rank {} introduced itself with torn bytes", peer));
    if (transport != options_.transport)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} uses the transport '{}', rank {} '{}'; FARO_TRANSPORT must be the "
                                "same on all ranks",
                                peer, transport, rank(), options_.transport));
    watch_.add(peer, place);
    neighbours_ += mine.sharesMachine(place);
    if (faro_status code = transport_->connect(context_, peer, address.data(), address.size()))
      return transportError(*transport_, code, fmt::format("rank {} cannot connect to rank {}", rank(), peer));
    // Whoever has knocked here meanwhile is let in, and is no stranger when its turn comes: half as many sockets.
    progress();
  }
  return Status::ok();
}

Status CommunicatorImpl::settle() {
  // A flush has to travel, so it ends when the connections stand. UCX 1.13 does not survive a peer that leaves while
  // its side of a connection is still being made (an assertion in wireup_ep.c), as the ranks of a very short job would.
  if (transport_->capabilities & FARO_CAN_PUT) {
    const auto deadline = Clock::now() + timeout();
    faro_status code = FARO_DEADLINE_EXCEEDED;
    while (code == FARO_DEADLINE_EXCEEDED && Clock::now() < deadline) {
      FARO_RETURN_IF_ERROR(check());
      code = transport_->flush(context_, Nanoseconds(ConnectionsPatience).count());
    }
    if (code)
      return transportError(*transport_, code, fmt::format("rank {} waited for its connections", rank()));
  }
  return barrier();
}

Status CommunicatorImpl::checkSend(uint16_t channel) const {
  FARO_RETURN_IF_ERROR(failure_);
  if (!channels_.isOpen(channel))
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {} sends on channel {}, which is not open", rank(), channel));
  return Status::ok();
}

Status CommunicatorImpl::sendError(faro_status code, uint32_t to, const char *what) {
  // That a transport is closed, or that nobody answers where it was, tells less than why: the rank has left, or it has
  // given up, said so and ended.
  constexpr auto MayTake = std::chrono::seconds(1);
  const auto until = Clock::now() + MayTake;
  while ((code == FARO_PEER_FAILED || code == FARO_UNAVAILABLE) && Clock::now() < until) {
    if (Status told = bootstrap_->check(); !told)
      return failure_ = told;
    if (bootstrap_->hasLeft(to))
      return Status(code, fmt::format("rank {} left the job, but rank {} sends it {}", to, rank(), what));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return transportError(*transport_, code, fmt::format("rank {} sends {} to rank {}", rank(), what, to));
}

Status CommunicatorImpl::send(uint16_t channel, uint32_t to, uint32_t tag, std::span<const std::byte> bytes) {
  FARO_RETURN_IF_ERROR(checkSend(channel));
  if (!(transport_->capabilities & FARO_CAN_MESSAGE))
    return Status(FARO_UNAVAILABLE, fmt::format("the transport '{}' cannot send messages", transport_->name));
  const auto wireTag = Channels::messageTag(channel, tag);
  if (!wireTag)
    return wireTag.status();
  if (faro_status code = transport_->send(context_, to, *wireTag, bytes.data(), bytes.size()))
    return sendError(code, to, "a message");
  return Status::ok();
}

Status CommunicatorImpl::deliver(uint16_t channel, uint32_t to, uint64_t tag, std::span<const faro_iov> pieces,
                                 uint64_t token, const faro_iov *rows) {
  FARO_RETURN_IF_ERROR(checkSend(channel));
  if (!(transport_->capabilities & FARO_CAN_DELIVER))
    return Status(FARO_UNAVAILABLE, fmt::format("the transport '{}' cannot deliver slices", transport_->name));
  const auto wireTag = Channels::sliceTag(channel, tag, "tag");
  if (!wireTag)
    return wireTag.status();
  const auto wireToken = Channels::sliceTag(channel, token, "token");
  if (!wireToken)
    return wireToken.status();
  channels_.sending(channel); // first: `sent` may come before deliver returns
  if (faro_status code = transport_->deliver(context_, to, *wireTag, pieces.data(), pieces.size(), rows, *wireToken)) {
    channels_.notSent(channel);
    return sendError(code, to, "a slice");
  }
  return Status::ok();
}

uint32_t CommunicatorImpl::progress() {
  return hasLeftWire_ ? 0 : channels_.deliverEarly() + transport_->progress(context_);
}

Status CommunicatorImpl::sleep(Nanoseconds limit) {
  if (hasLeftWire_ || !(transport_->capabilities & FARO_CAN_SLEEP)) {
    std::this_thread::sleep_for(std::min<Nanoseconds>(limit, std::chrono::microseconds(100)));
    return Status::ok();
  }
  if (faro_status code = transport_->sleep(context_, limit.count()))
    return transportError(*transport_, code, fmt::format("rank {} sleeps", rank()));
  return Status::ok();
}

void CommunicatorImpl::close(uint16_t channel) {
  // What is under way to or from a rank that has failed is given up by the transport; the rest ends when the other side
  // goes on. Nobody goes on for long after a failure.
  auto until = Clock::now() + timeout();
  while (channels_.busy(channel) && !hasLeftWire_ && Clock::now() < until) {
    if (!check())
      until = std::min(until, Clock::now() + GivingUpTakes);
    if (!progress() && !sleep(std::chrono::milliseconds(1)))
      break;
  }
  if (channels_.busy(channel) && !hasLeftWire_)
    leaveWire();
  channels_.close(channel);
}

void CommunicatorImpl::leaveWire() {
  if (failure_) {
    failure_ = Status(FARO_DEADLINE_EXCEEDED,
                      fmt::format("rank {}: a rank is stuck in the middle of a slice of it, and has been for {:g} s",
                                  rank(), std::chrono::duration<double>(timeout()).count()));
    bootstrap_->abort(failure_);
  }
  hasLeftWire_ = true;
  transport_->leave(context_, Nanoseconds(LeavingTakes).count());
}

Idle CommunicatorImpl::idle() {
  return [this] { return check(); };
}

Expected<std::vector<Bytes>> CommunicatorImpl::allgather(const Bytes &mine, const char *what) {
  FARO_RETURN_IF_ERROR(failure_);
  auto gathered = bootstrap_->allgather(mine, what, timeout(), idle());
  if (!gathered && failure_ && !bootstrap_->check())
    failure_ = gathered.status();
  return gathered;
}

Status CommunicatorImpl::barrier() {
  const auto all = allgather({}, "barrier");
  return all ? Status::ok() : all.status();
}

void CommunicatorImpl::abort(const Status &why) {
  bootstrap_->abort(why);
  if (failure_)
    failure_ = Status(FARO_ABORTED, saidBy(rank(), why.message()));
}

void CommunicatorImpl::suspect(uint32_t rank, const std::string &how) {
  if (!suspicion_ || bootstrap_->hasLeft(rank))
    return;
  suspicion_ = Status(FARO_PEER_FAILED, fmt::format("rank {} is gone: {}", rank, how));
  suspectedAt_ = Clock::now();
}

Status CommunicatorImpl::check() {
  FARO_RETURN_IF_ERROR(failure_);
  if (Status told = bootstrap_->check(); !told)
    return failure_ = told;
  progress();
  if (!channels_.failure()) { // nobody else knows
    bootstrap_->abort(channels_.failure());
    return failure_ = channels_.failure();
  }

  if (suspicion_) {
    for (const uint32_t rank : watch_.ended())
      suspect(rank, "its process ended");
    if (transport_->capabilities & FARO_CAN_DETECT)
      for (uint32_t peer = 0; peer < size() && suspicion_; ++peer)
        if (peer != rank() && transport_->peer_state(context_, peer) != FARO_OK)
          suspect(peer, transport_->last_error());
    return Status::ok();
  }
  if (Clock::now() - suspectedAt_ < ReasonMayTake)
    return Status::ok();
  // Ranks elsewhere may not be able to see it.
  bootstrap_->abort(suspicion_);
  return failure_ = suspicion_;
}

Status reasonOf(const Status &status, Communicator &communicator) {
  const auto until = Clock::now() + ReasonMayTake;
  while (Clock::now() < until) {
    FARO_RETURN_IF_ERROR(communicator.check());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return status;
}

} // namespace faro
