// Slices: pieces of the sender's memory that land, as one, where the receiver's handler says.
//
//   deliver ─► parts ─► ucp_am_send_nbx, pieces as an IOV ─┬─ eager: the bytes are here ─► on_place, copy, on_arrived
//                                                          └─ rendezvous ─► on_place, UCX writes ─► on_arrived, on_lost
//           ◄─ on_sent: the pieces have left, or never will
//
// Which of the two it is UCX decides by size (UCX_RNDV_THRESH); over tcp alone it is always the first, and a long slice
// goes in parts (see Context::partBytes). Otherwise a slice is one part.
#pragma once

#include "plugins/ucx/Peers.h"

#include <list>
#include <map>

namespace faro::ucx {

class Slices {
public:
  Slices(const faro_transport_config &config, uint64_t job, Peers &peers)
      : rank_(config.rank), job_(job), onPlace_(config.on_place), onArrived_(config.on_arrived),
        onLost_(config.on_lost), onSent_(config.on_sent), user_(config.user), peers_(peers) {}
  Slices(const Slices &) = delete;
  Slices &operator=(const Slices &) = delete;

  Status listen(Worker &worker) { return worker.receive(Id, onPart, this); }
  Status deliver(Peer &peer, uint64_t tag, std::span<const faro_iov> pieces, uint64_t token);
  /// Calls on_sent for what has left, and on_lost for what will not come. Not from within deliver: a handler that
  /// delivers the next slice would go deeper with each one.
  void report();
  /// Whether report has something to say.
  bool hasReport() const { return !sent_.empty(); }
  /// Whether all have gone out.
  bool idle() const { return outgoing_.empty(); }
  /// How many handlers have been called.
  uint32_t handled() const { return handled_; }

private:
  static constexpr unsigned Id = 2; // of active messages
  struct Header {
    uint64_t job;
    uint64_t tag;
    uint64_t number; ///< of the slice, among those from this sender to this receiver
    uint64_t size;   ///< of the slice
    uint64_t offset; ///< of this part
    uint32_t rank;
    uint32_t reserved;
  };
  struct Outgoing;
  struct Part {
    Outgoing *slice;
    Header header;
    std::vector<ucp_dt_iov_t> pieces;
  };
  struct Outgoing {
    Slices *owner;
    Peer *peer;
    uint64_t token;
    std::list<Part> parts; ///< that UCX still reads, and their pieces
    bool complete = false; ///< all parts have been made
    std::list<Outgoing>::iterator self;
  };
  /// A slice that has a place.
  struct Incoming {
    uint64_t tag;
    uint64_t size;
    uint64_t missing;
    std::byte *to;
    uint32_t fetching = 0; ///< parts that UCX is writing
    bool failed = false;
  };
  using Key = std::pair<uint32_t, uint64_t>; // rank, number
  struct Fetch {
    Slices *owner;
    Key key;
    uint64_t bytes;
    std::list<Fetch>::iterator self;
  };

  ucs_status_t post(Part &part);
  void partLeft(Outgoing &slice);
  Incoming *place(Peer &peer, const Header &header);
  void landed(std::map<Key, Incoming>::iterator slice, uint64_t bytes);
  void lose(std::map<Key, Incoming>::iterator slice);
  void fetch(const Key &key, void *data, std::byte *to, uint64_t bytes, ucp_worker_h worker);
  static ucs_status_t onPart(void *self, const void *header, size_t headerSize, void *data, size_t size,
                             const ucp_am_recv_param_t *param);
  static void onFetched(void *request, ucs_status_t status, size_t size, void *fetch);
  static void onLeft(void *request, ucs_status_t status, void *part);

  const uint32_t rank_;
  const uint64_t job_;
  const faro_place_handler onPlace_;
  const faro_arrived_handler onArrived_;
  const faro_lost_handler onLost_;
  const faro_sent_handler onSent_;
  void *const user_;
  Peers &peers_;
  std::list<Outgoing> outgoing_;
  std::map<Key, Incoming> incoming_;
  std::list<Fetch> fetches_;
  std::vector<uint64_t> sent_; ///< tokens
  uint32_t handled_ = 0;
};

} // namespace faro::ucx
