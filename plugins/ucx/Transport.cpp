#include "plugins/ucx/Transport.h"

#include "plugins/ucx/Envelope.h"
#include "plugins/ucx/UcsStatus.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace faro::ucx {

Transport::Transport(const faro_transport_config &config, Workers workers)
    : rank_(config.rank), job_(fingerprint(std::as_bytes(std::span(config.job, std::strlen(config.job))))),
      peers_(config, workers.front(), workers.size() > 1 ? workers.back() : nullptr), messages_(config, job_, peers_),
      slices_(config, job_, peers_, attached_), workers_(std::move(workers)) {}

static bool hasOtherNodes(const faro_transport_config &config) {
  for (uint32_t rank = 0; config.node_of && rank < config.world_size; ++rank)
    if (config.node_of[rank] != config.node_of[config.rank])
      return true;
  return false;
}

static Expected<std::shared_ptr<Worker>> makeWorker(Reach reach, const faro_transport_config &config) {
  auto context = Context::create(reach, config.world_size, config.loopback_only != 0);
  if (!context)
    return context.status();
  return Worker::create(*context);
}

Expected<std::unique_ptr<Transport>> Transport::create(const faro_transport_config &config) {
  Workers workers;
  for (const Reach reach : {Reach::Node, Reach::Wire}) {
    if (reach == Reach::Wire && !hasOtherNodes(config))
      break;
    auto worker = makeWorker(reach, config);
    if (!worker)
      return worker.status();
    workers.push_back(*worker);
  }
  std::unique_ptr<Transport> transport(new Transport(config, workers));
  transport->wakeFd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (transport->wakeFd_ < 0)
    return Status(FARO_UNAVAILABLE, fmt::format("creating an eventfd: {}", std::strerror(errno)));
  for (const auto &worker : workers) {
    FARO_RETURN_IF_ERROR(transport->messages_.listen(*worker));
    FARO_RETURN_IF_ERROR(transport->slices_.listen(*worker));
  }
  auto address = Peers::address(config.rank, *workers.front(), workers.size() > 1 ? workers.back().get() : nullptr);
  if (!address)
    return address.status();
  transport->address_ = std::move(*address);
  return transport;
}

Transport::~Transport() {
  leave(Clock::now());
  if (wakeFd_ >= 0)
    ::close(wakeFd_);
}

void Transport::leave(Clock::time_point deadline) {
  if (std::exchange(hasLeft_, true))
    return;
  const bool wasSettled = isSettled();
  // Nobody waits for peers that are known to be gone; UCX has cancelled what was meant for them.
  if (!wasSettled) {
    flushWorkers(deadline);
    progressUntil(workers_, [&] { return messages_.idle() && slices_.idle(); }, deadline);
    flushes_.clear();
  }
  peers_.startClose();
  progressUntil(workers_, [this] { return peers_.closed(); }, deadline);
  // A rank that leaves in a hurry may just have heard of one that connects to it. UCX 1.13 does not survive being
  // destroyed before its answer is out, or refused (an assertion in ucp_request.c).
  if (!wasSettled)
    progressUntilQuiet(workers_, deadline);
  peers_.forget();
}

Status Transport::connect(uint32_t rank, std::span<const std::byte> address) {
  FARO_RETURN_IF_ERROR(peers_.connect(rank, address));
  dirty_ |= peers_[rank].endpoint != nullptr;
  return Status::ok();
}

Expected<std::unique_ptr<RemoteKey>> Transport::map(uint32_t rank, std::span<const std::byte> key) {
  FARO_RETURN_IF_ERROR(peers_.state(rank));
  const Peer &peer = peers_[rank];
  if (!peer.isConnected())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has not been connected", rank));
  if (!peer.sameNode)
    return Status(FARO_UNAVAILABLE,
                  fmt::format("rank {} is on another node than rank {}: its memory is reached by slices, not by keys",
                              rank, rank_));
  const auto payload = open(Content::Key, rank, key);
  if (!payload)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("these {} bytes are not a key of rank {}", key.size(), rank));
  return RemoteKey::create(peer.endpoint, *payload);
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
    peer->markFailed(status, "a put did not land");
    peer->lostPut = true;
  }
  ucp_request_free(request);
}

bool Transport::flushWorkers(Clock::time_point deadline) {
  // A flush that did not end in its time goes on, and covers what was started before it. Where hundreds of ranks share
  // a core and wait in slices, another one for each slice would keep them from ever getting there.
  if (std::exchange(dirty_, false))
    for (const auto &worker : workers_)
      flushes_.push_back(worker->flush());
  if (!progressUntil(workers_, [this] { return std::ranges::all_of(flushes_, &Request::done); }, deadline))
    return false;
  flushes_.clear();
  return true;
}

Status Transport::flush(Clock::time_point deadline) {
  // Copies made by `put` itself become visible before whatever the caller does next.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (isSettled())
    return Status::ok();
  if (!flushWorkers(deadline))
    return Status(FARO_DEADLINE_EXCEEDED, "puts have not landed within the time given; a peer may be stuck");
  // The flush also covers peers that nothing was put to; their failure is for peer_state to tell.
  Status failure;
  for (Peer &peer : peers_)
    if (std::exchange(peer.lostPut, false) && failure)
      failure = peer.state();
  return failure;
}

Status Transport::send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  const auto peer = peers_.reach(rank);
  if (!peer)
    return peer.status();
  dirty_ = true;
  return messages_.send(**peer, tag, bytes);
}

Status Transport::attach(const faro_device_memory &memory) {
  if (deviceReach() == FARO_DEVICE_NEVER)
    return Status(FARO_UNAVAILABLE,
                  "this UCX cannot reach the memory of CUDA devices: it was built without, UCX_TLS leaves "
                  "out cuda_copy, or all ranks are on one node");
  auto registered = DeviceMemory::create(workers_.back()->context(), memory.address, memory.size);
  if (!registered)
    return registered.status();
  if (!attached_.add(memory, std::move(*registered)))
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} attaches memory that it has attached already", rank_));
  return Status::ok();
}

Status Transport::deliver(uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows,
                          uint64_t token) {
  const auto peer = peers_.reach(rank);
  if (!peer)
    return peer.status();
  dirty_ = true;
  return slices_.deliver(**peer, tag, pieces, rows, token);
}

uint32_t Transport::progress() {
  const uint32_t before = messages_.delivered() + slices_.handled();
  unsigned events = 0;
  const Worker *brought = nullptr;
  const bool lookAround = !busy_ || ++calls_ % LookAroundEvery == 0;
  for (const auto &worker : workers_) {
    const unsigned here = lookAround || worker.get() == busy_ ? worker->progress() : 0;
    events += here;
    brought = here ? worker.get() : brought;
  }
  busy_ = brought;
  dirty_ |= peers_.answer();
  slices_.report();
  return events + (messages_.delivered() + slices_.handled() - before);
}

Status Transport::sleep(Clock::time_point deadline) {
  // Connections being made have steps that raise no event.
  if (slices_.hasReport() || progress() > 0)
    return Status::ok();
  FARO_RETURN_IF_ERROR(sleepOn(workers_, wakeFd_, deadline));
  uint64_t wakes = 0; // an eventfd is emptied by one read; EAGAIN says that nobody has called wake
  [[maybe_unused]] const ssize_t got = read(wakeFd_, &wakes, sizeof wakes);
  return Status::ok();
}

void Transport::wake() {
  const uint64_t one = 1; // fails only when 2^64 - 2 wakes are pending
  [[maybe_unused]] const ssize_t put = write(wakeFd_, &one, sizeof one);
}

} // namespace faro::ucx
