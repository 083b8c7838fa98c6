// The other ranks: which worker reaches each, and its endpoint once there is one.
//
// Ranks of this node are connected at once: their memory is about to be mapped, and connections that stand do not
// surprise anybody later. Of the ranks on other nodes most never hear of each other (rows cross by rails), so these are
// connected at the first word, in either direction: a job of many ranks starts in the time that its nodes take.
#pragma once

#include "plugins/ucx/Endpoint.h"
#include "plugins/ucx/Inbox.h"

#include <span>

namespace faro::ucx {

struct Peer {
  uint32_t rank = 0;
  bool sameNode = true;
  std::shared_ptr<Endpoint> endpoint; ///< null: not connected, or not yet
  std::vector<std::byte> address;     ///< of a rank on another node that waits for the first word
  Status refusal;                     ///< what it did wrong, or OK
  bool heard = false;                 ///< it has spoken to us, and should have an endpoint
  bool lostPut = false;               ///< since the last flush
  Inbox inbox;
  uint64_t sent = 0;   ///< messages to it
  uint64_t slices = 0; ///< slices to it

  bool isConnected() const { return endpoint || !address.empty(); }
  Status state() const { return !refusal ? refusal : endpoint ? endpoint->state() : Status::ok(); }
  /// An operation failed, or `noticed` by UCX.
  void markFailed(ucs_status_t status, const char *noticed) {
    if (endpoint)
      endpoint->markFailed(status, noticed);
  }
};

class Peers {
public:
  /// `wire` is null when all ranks are on this node.
  Peers(const faro_transport_config &config, std::shared_ptr<Worker> node, std::shared_ptr<Worker> wire);

  uint32_t size() const { return uint32_t(peers_.size()); }
  Peer &operator[](uint32_t rank) { return peers_[rank]; }
  auto begin() { return peers_.begin(); }
  auto end() { return peers_.end(); }
  Worker &workerOf(const Peer &peer) const { return peer.sameNode ? *node_ : *wire_; }

  /// This rank's address: what `connect` on the peers takes.
  static Expected<std::vector<std::byte>> address(uint32_t rank, const Worker &node, const Worker *wire);
  Status connect(uint32_t rank, std::span<const std::byte> address);
  Status state(uint32_t rank) const;
  /// The peer, with an endpoint that is not known to have failed.
  Expected<Peer *> reach(uint32_t rank);
  /// Connects back to those that have spoken to us, so that we notice when they die. True: to some.
  bool answer();
  /// A rank has spoken, on whichever worker. Null: there is no such rank.
  Peer *hear(uint32_t rank);

  void startClose();
  bool closed() const;
  /// Lets go of endpoints and workers.
  void forget();

private:
  Status checkPeer(uint32_t rank) const;
  Status makeEndpoint(Peer &peer, const std::byte *address);

  const uint32_t rank_;
  std::shared_ptr<Worker> node_, wire_;
  std::vector<Peer> peers_;     // never resized: UCX holds pointers into it
  std::vector<Peer *> unknown_; // heard, and without an endpoint
};

} // namespace faro::ucx
