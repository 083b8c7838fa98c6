// One rank's transport: a worker, an endpoint and an inbox per peer, and what is under way.
//
//   Context ◄─ Worker ◄─ Endpoint ◄─ RemoteKey      a child holds its parent
//      ▲                                            Transport holds a Worker and the Endpoints
//      └─ MemoryHandle
#pragma once

#include "plugins/ucx/Endpoint.h"
#include "plugins/ucx/Inbox.h"
#include "plugins/ucx/MemoryHandle.h"
#include "plugins/ucx/RemoteKey.h"

#include <list>
#include <span>

namespace faro::ucx {

class Transport {
public:
  static Expected<std::unique_ptr<Transport>> create(const faro_transport_config &config);
  /// Cuts off what `close` did not bring to an end.
  ~Transport();
  Transport(const Transport &) = delete;
  Transport &operator=(const Transport &) = delete;

  /// Lets what was sent go out and tears the connections down, until the deadline.
  void close(Clock::time_point deadline);

  uint32_t rank() const { return rank_; }
  const std::vector<std::byte> &address() const { return address_; }
  const std::shared_ptr<Context> &context() const { return worker_->context(); }

  Status connect(uint32_t rank, std::span<const std::byte> address);
  Expected<std::unique_ptr<RemoteKey>> map(uint32_t rank, std::span<const std::byte> key);
  Status put(RemoteKey &remote, uint64_t offset, std::span<const faro_iov> pieces);
  Status flush(Clock::time_point deadline);
  Status send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes);
  uint32_t progress();
  Status sleep(Clock::time_point deadline);
  void wake(); ///< any thread
  Status peerState(uint32_t rank) const;

private:
  /// Goes before each message's bytes.
  struct MessageHeader {
    uint64_t job; ///< drops what strangers or another job's ranks send to our port
    uint64_t number;
    uint32_t rank;
    uint32_t tag;
  };
  struct Peer {
    Transport *owner = nullptr;
    uint32_t rank = 0;
    std::shared_ptr<Endpoint> endpoint;
    Inbox inbox;
    uint64_t sent = 0;
  };
  struct Outgoing {
    Peer *peer;
    MessageHeader header;
    std::vector<std::byte> bytes;
    std::list<Outgoing>::iterator self;
  };
  struct Incoming {
    Peer *peer;
    uint64_t number;
    std::list<Incoming>::iterator self;
  };

  Transport(const faro_transport_config &config, std::shared_ptr<Worker> worker);
  Status checkPeer(uint32_t rank) const;
  Status checkConnected(uint32_t rank) const;
  Inbox::Handler handlerFor(const Peer &peer);

  static ucs_status_t onMessage(void *self, const void *header, size_t headerSize, void *data, size_t size,
                                const ucp_am_recv_param_t *param);
  static void onReceived(void *request, ucs_status_t status, size_t size, void *incoming);
  static void onSent(void *request, ucs_status_t status, void *outgoing);
  static void onPut(void *request, ucs_status_t status, void *peer);

  const uint32_t rank_;
  const uint64_t job_;
  const faro_message_handler handler_;
  void *const user_;
  int wakeFd_ = -1;
  std::vector<std::byte> address_;
  std::list<Outgoing> outgoing_; // UCX reads these
  std::list<Incoming> incoming_; // UCX writes to inboxes for these
  std::vector<Peer> peers_;      // never resized: UCX holds pointers into it
  Status putFailure_;
  uint32_t delivered_ = 0;
  bool dirty_ = false;             // something was sent or put since the last flush
  std::shared_ptr<Worker> worker_; // last, so gone first: no callback comes after it
};

} // namespace faro::ucx
