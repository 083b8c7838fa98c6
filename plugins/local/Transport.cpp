#include "plugins/local/Transport.h"

#include <cstring>
#include <unistd.h>

namespace faro::local {

Expected<std::unique_ptr<Transport>> Transport::create(const faro_transport_config &config) {
  auto job = Job::join(config.job, config.rank, config.world_size);
  if (!job)
    return job.status();
  return std::unique_ptr<Transport>(new Transport(config, std::move(*job)));
}

Transport::Transport(const faro_transport_config &config, std::shared_ptr<Job> job)
    : config_(config), job_(std::move(job)), address_{Address::Magic, job_->id(), int64_t(getpid()), config.rank, 0},
      nodeOf_(config.world_size), connected_(config.world_size) {
  if (config.node_of)
    nodeOf_.assign(config.node_of, config.node_of + config.world_size);
}

Transport::~Transport() { leave(); }

void Transport::leave() {
  if (!std::exchange(hasLeft_, true))
    job_->leave(config_.rank);
}

//===------------------------------------------------------------ peers ---===//

Status Transport::checkPeer(uint32_t rank) const {
  if (rank >= job_->worldSize())
    return {FARO_INVALID_ARGUMENT, fmt::format("there is no rank {}; the job has {}", rank, job_->worldSize())};
  if (rank == config_.rank)
    return {FARO_INVALID_ARGUMENT, fmt::format("rank {} is this rank itself, not a peer", rank)};
  return Status::ok();
}

Status Transport::stateOf(uint32_t rank) const {
  const auto refused = refused_.find(rank);
  return refused == refused_.end() ? job_->state(rank) : refused->second;
}

Status Transport::peerState(uint32_t rank) const {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  return stateOf(rank);
}

Status Transport::checkConnected(uint32_t rank) const {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  if (!connected_[rank])
    return {FARO_INVALID_ARGUMENT, fmt::format("rank {} has not been connected", rank)};
  return stateOf(rank);
}

Status Transport::connect(uint32_t rank, std::span<const std::byte> bytes) {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  const auto address = readRecord<Address>(rank, bytes);
  if (!address)
    return address.status();
  if (address->process != getpid() || address->job != job_->id())
    return {FARO_UNAVAILABLE,
            fmt::format("rank {} lives in another process ({}) than rank {}; the transport 'local' connects threads "
                        "of one process, use 'ucx' between processes",
                        rank, address->process, config_.rank)};
  connected_[rank] = true;
  return job_->state(rank);
}

Expected<std::unique_ptr<RemoteRegion>> Transport::map(uint32_t rank, std::span<const std::byte> bytes) {
  FARO_RETURN_IF_ERROR(checkConnected(rank));
  const auto key = readRecord<Key>(rank, bytes);
  if (!key)
    return key.status();
  if (key->job != job_->id())
    return notARecord<Key>(rank);
  auto memory = job_->find(rank, key->region);
  if (!memory)
    return Status(FARO_NOT_FOUND, fmt::format("rank {} has released the region of this key", rank));
  return std::make_unique<RemoteRegion>(job_, std::move(memory), rank, nodeOf_[rank] == nodeOf_[config_.rank]);
}

//===-------------------------------------------------------------- out ---===//

/// Leaves something at the peer, which may have left since it was looked at.
Status Transport::push(uint32_t rank, Item &&item) {
  return job_->inbox(rank).push(std::move(item)) ? Status::ok() : stateOf(rank);
}

Status Transport::send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  FARO_RETURN_IF_ERROR(checkConnected(rank));
  return push(rank, Message{config_.rank, tag, std::vector<std::byte>(bytes.begin(), bytes.end())});
}

Status Transport::attach(const faro_device_memory &memory) {
  if (attached_.add(memory, memory))
    return Status::ok();
  return {FARO_INVALID_ARGUMENT, fmt::format("rank {} attaches memory that it has attached already", config_.rank)};
}

Status Transport::deliver(uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows,
                          uint64_t token) {
  FARO_RETURN_IF_ERROR(checkConnected(rank));
  if (rows && !attached_.find(rows->data, rows->size))
    return plugin::notAttached(*rows);
  return push(rank, Slice{config_.rank, tag, token, std::vector<faro_iov>(pieces.begin(), pieces.end()),
                          rows ? *rows : faro_iov{}});
}

//===--------------------------------------------------------------- in ---===//

void Transport::receive(const Message &message) {
  if (config_.on_message)
    config_.on_message(config_.user, message.rank, message.tag, message.bytes.data(), message.bytes.size());
}

void Transport::receive(const Slice &slice) {
  size_t size = 0;
  for (const faro_iov &piece : slice.pieces)
    size += piece.size;
  if (config_.on_whole && slice.rows.size == 0 && ++slices_ % 2 == 0)
    return receiveWhole(slice, size);
  const faro_place to = placeOf(slice, size);
  if (!to.data)
    return job_->acknowledge(slice);
  const auto whole = job_->gather(slice, to, slice.rows.size ? attached_.find(to.rows, slice.rows.size) : nullptr);
  if (!whole)
    refuse(slice.rank, whole.status().message());
  if (const auto handler = whole && *whole ? config_.on_arrived : config_.on_lost)
    handler(config_.user, slice.rank, slice.tag, size + slice.rows.size);
}

/// What comes over a network is in memory of the transport first, at any address. Here every other slice is, so that
/// who runs on threads has met both.
void Transport::receiveWhole(const Slice &slice, size_t size) {
  std::vector<std::byte> memory(size + 1);
  std::byte *data = memory.data() + 1;
  const auto whole = job_->gather(slice, {data, nullptr}, nullptr);
  if (!whole || !*whole || config_.on_whole(config_.user, slice.rank, slice.tag, data, size))
    return; // without rows on a device nothing but the end of its sender keeps it from coming
  const faro_place to = placeOf(slice, size);
  if (!to.data)
    return;
  std::memcpy(to.data, data, size);
  if (config_.on_arrived)
    config_.on_arrived(config_.user, slice.rank, slice.tag, size);
}

faro_place Transport::placeOf(const Slice &slice, size_t size) {
  const faro_place to =
      config_.on_place ? config_.on_place(config_.user, slice.rank, slice.tag, size, slice.rows.size) : faro_place{};
  if (to.data && (slice.rows.size == 0 || attached_.find(to.rows, slice.rows.size)))
    return to;
  refuse(slice.rank, fmt::format("rank {} sent a slice for which rank {} has no place", slice.rank, config_.rank));
  return {};
}

void Transport::refuse(uint32_t rank, std::string why) { refused_.try_emplace(rank, FARO_PEER_FAILED, std::move(why)); }

void Transport::receive(const Receipt &receipt) {
  if (config_.on_sent)
    config_.on_sent(config_.user, receipt.token);
}

uint32_t Transport::progress() {
  const auto items = job_->inbox(config_.rank).take();
  for (const Item &item : items)
    std::visit([this](const auto &one) { receive(one); }, item);
  return uint32_t(items.size());
}

void Transport::sleep(std::chrono::nanoseconds timeout) { job_->inbox(config_.rank).waitFor(timeout); }

void Transport::wake() { job_->inbox(config_.rank).wake(); }

} // namespace faro::local
