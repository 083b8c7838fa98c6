#include "plugins/ucx/Peers.h"

#include "plugins/ucx/Envelope.h"

#include <cstring>
#include <fmt/format.h>

namespace faro::ucx {

namespace {
/// Stands before the workers' addresses in what the ranks exchange.
struct AddressSizes {
  uint32_t node;
  uint32_t wire; // 0: the rank knows of no other nodes
};
} // namespace

Peers::Peers(const faro_transport_config &config, std::shared_ptr<Worker> node, std::shared_ptr<Worker> wire)
    : rank_(config.rank), node_(std::move(node)), wire_(std::move(wire)), peers_(config.world_size) {
  for (uint32_t rank = 0; rank < config.world_size; ++rank) {
    peers_[rank].rank = rank;
    peers_[rank].sameNode = !config.node_of || config.node_of[rank] == config.node_of[config.rank];
  }
}

Expected<std::vector<std::byte>> Peers::address(uint32_t rank, const Worker &node, const Worker *wire) {
  auto nodeAddress = node.address();
  if (!nodeAddress)
    return nodeAddress;
  Expected<std::vector<std::byte>> wireAddress = std::vector<std::byte>();
  if (wire)
    wireAddress = wire->address();
  if (!wireAddress)
    return wireAddress;
  const AddressSizes sizes{uint32_t(nodeAddress->size()), uint32_t(wireAddress->size())};
  const auto head = std::as_bytes(std::span(&sizes, 1));
  std::vector<std::byte> all(head.begin(), head.end());
  all.insert(all.end(), nodeAddress->begin(), nodeAddress->end());
  all.insert(all.end(), wireAddress->begin(), wireAddress->end());
  return seal(Content::Address, rank, all);
}

Status Peers::checkPeer(uint32_t rank) const {
  if (rank >= size())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("there is no rank {}; the job has {}", rank, size()));
  if (rank == rank_)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} is this rank itself, not a peer", rank));
  return Status::ok();
}

Status Peers::state(uint32_t rank) const {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  return peers_[rank].state();
}

Status Peers::makeEndpoint(Peer &peer, const std::byte *address) {
  auto endpoint = Endpoint::create(peer.sameNode ? node_ : wire_, peer.rank, address);
  if (!endpoint)
    return endpoint.status();
  peer.endpoint = *endpoint;
  return Status::ok();
}

Status Peers::connect(uint32_t rank, std::span<const std::byte> address) {
  FARO_RETURN_IF_ERROR(checkPeer(rank));
  Peer &peer = peers_[rank];
  const auto payload = open(Content::Address, rank, address);
  AddressSizes sizes{};
  if (payload && payload->size() >= sizeof sizes)
    std::memcpy(&sizes, payload->data(), sizeof sizes);
  if (!payload || payload->size() != sizeof sizes + sizes.node + sizes.wire || !sizes.node)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("these {} bytes are not the address of rank {}, or it runs another version of Faro",
                              address.size(), rank));
  if (peer.isConnected())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has been connected before", rank));
  const auto node = payload->subspan(sizeof sizes, sizes.node);
  if (peer.sameNode)
    return makeEndpoint(peer, node.data());
  if (!sizes.wire)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {} is on another node than rank {}, but was opened for one node: all ranks must be "
                              "given the same nodes",
                              rank, rank_));
  const auto wire = payload->subspan(sizeof sizes + sizes.node);
  peer.address.assign(wire.begin(), wire.end());
  return Status::ok();
}

Expected<Peer *> Peers::reach(uint32_t rank) {
  FARO_RETURN_IF_ERROR(state(rank));
  Peer &peer = peers_[rank];
  if (!peer.isConnected())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has not been connected", rank));
  if (!peer.endpoint) {
    FARO_RETURN_IF_ERROR(makeEndpoint(peer, peer.address.data()));
    peer.address = {};
  }
  return &peer;
}

Peer *Peers::hear(uint32_t rank) {
  if (rank >= size() || rank == rank_)
    return nullptr;
  Peer &peer = peers_[rank];
  if (!peer.endpoint && !peer.heard) {
    peer.heard = true;
    unknown_.push_back(&peer); // not here: UCX is in the middle of a callback
  }
  return &peer;
}

bool Peers::answer() {
  bool some = false;
  // Backwards: one that is not connected yet stays, and takes the place of one that is gone.
  for (size_t i = unknown_.size(); i-- > 0;) {
    Peer &peer = *unknown_[i];
    if (!peer.isConnected())
      continue;
    const auto reached = reach(peer.rank);
    if (!reached && peer.refusal)
      peer.refusal = reached.status();
    some |= bool(reached);
    unknown_[i] = unknown_.back();
    unknown_.pop_back();
  }
  return some;
}

void Peers::startClose() {
  for (Peer &peer : peers_)
    if (peer.endpoint)
      peer.endpoint->startClose();
}

bool Peers::closed() const {
  for (const Peer &peer : peers_)
    if (peer.endpoint && !peer.endpoint->closed())
      return false;
  return true;
}

void Peers::forget() {
  for (Peer &peer : peers_)
    peer.endpoint.reset();
  node_.reset();
  wire_.reset();
}

} // namespace faro::ucx
