// Messages: copies of the caller's bytes, delivered in the order in which each peer sent them.
#pragma once

#include "plugins/ucx/Peers.h"

#include <list>

namespace faro::ucx {

class Messages {
public:
  Messages(const faro_transport_config &config, uint64_t job, Peers &peers)
      : rank_(config.rank), job_(job), handler_(config.on_message), user_(config.user), peers_(peers) {}
  Messages(const Messages &) = delete;
  Messages &operator=(const Messages &) = delete;

  /// What the worker receives is handed to on_message.
  Status listen(Worker &worker) { return worker.receive(Id, onMessage, this); }
  Status send(Peer &peer, uint32_t tag, std::span<const std::byte> bytes);
  /// Whether all have gone out.
  bool idle() const { return outgoing_.empty(); }
  /// How many have been delivered.
  uint32_t delivered() const { return delivered_; }

private:
  static constexpr unsigned Id = 1; // of active messages
  /// Goes before each message's bytes.
  struct Header {
    uint64_t job; ///< drops what strangers or another job's ranks send to our port
    uint64_t number;
    uint32_t rank;
    uint32_t tag;
  };
  struct Outgoing {
    Messages *owner;
    Peer *peer;
    Header header;
    std::vector<std::byte> bytes;
    std::list<Outgoing>::iterator self;
  };
  struct Incoming {
    Messages *owner;
    Peer *peer;
    uint64_t number;
    std::list<Incoming>::iterator self;
  };

  Inbox::Handler handlerFor(const Peer &peer);
  static ucs_status_t onMessage(void *self, const void *header, size_t headerSize, void *data, size_t size,
                                const ucp_am_recv_param_t *param);
  static void onReceived(void *request, ucs_status_t status, size_t size, void *incoming);
  static void onSent(void *request, ucs_status_t status, void *outgoing);

  const uint32_t rank_;
  const uint64_t job_;
  const faro_message_handler handler_;
  void *const user_;
  Peers &peers_;
  std::list<Outgoing> outgoing_; // UCX reads these
  std::list<Incoming> incoming_; // UCX writes to inboxes for these
  uint32_t delivered_ = 0;
};

} // namespace faro::ucx
