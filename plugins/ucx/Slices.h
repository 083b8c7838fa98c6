// Slices: pieces of the sender's memory that land, as one, where the receiver's handler says; and rows of its device's
// memory, that land on the receiver's.
//
//   deliver ─► parts ─► ucp_am_send_nbx, pieces as an IOV ─┬─ eager: all of it is here ─► on_whole
//                                                          ├─ eager: the bytes are here ─► on_place, copy, on_arrived
//                                                          └─ rendezvous ─► on_place, UCX writes ─► on_arrived, on_lost
//           ◄─ on_sent: the pieces have left, or never will
//
// Which of the two it is UCX decides by size (UCX_RNDV_THRESH); over tcp alone it is always the first, and a long slice
// goes in parts (see Context::partBytes). Otherwise a slice is one part, or two: UCX takes all pieces of a send for
// memory of one kind, so rows on a device have parts of their own. Nobody but UCX copies these, eager ones too.
#pragma once

#include "plugins/Attached.h"
#include "plugins/ucx/DeviceMemory.h"
#include "plugins/ucx/Peers.h"

#include <list>
#include <map>

namespace faro::ucx {

/// Memory of devices, as it is registered.
using AttachedMemory = plugin::Attached<std::unique_ptr<DeviceMemory>>;

class Slices {
public:
  Slices(const faro_transport_config &config, uint64_t job, Peers &peers, AttachedMemory &attached)
      : rank_(config.rank), job_(job), onPlace_(config.on_place), onArrived_(config.on_arrived),
        onLost_(config.on_lost), onSent_(config.on_sent), onWhole_(config.on_whole), user_(config.user), peers_(peers),
        attached_(attached) {}
  Slices(const Slices &) = delete;
  Slices &operator=(const Slices &) = delete;

  Status listen(Worker &worker);
  /// `rows`: in attached memory, or null.
  Status deliver(Peer &peer, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows, uint64_t token);
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
  static constexpr unsigned Id = 2, RowsId = 3; // of active messages
  struct Header {
    uint64_t job;
    uint64_t tag;
    uint64_t number;   ///< of the slice, among those from this sender to this receiver
    uint64_t size;     ///< of the slice
    uint64_t rowBytes; ///< its last ones, which are for a device
    uint64_t offset;   ///< of this part
    uint32_t rank;
    uint32_t reserved;
  };
  struct Outgoing;
  struct Part {
    Outgoing *slice;
    Header header;
    bool isRows;
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
    uint64_t size, rowBytes;
    uint64_t missing;
    std::byte *to, *rows;
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
  /// Who sent a part. Null: nobody wants it.
  Peer *senderOf(const void *header, size_t headerSize, size_t size, bool isRows, Header &out);
  bool readWhole(const Header &header, const void *data, size_t size);
  Incoming *place(Peer &peer, const Header &header);
  void landed(std::map<Key, Incoming>::iterator slice, uint64_t bytes);
  void lose(std::map<Key, Incoming>::iterator slice);
  void fetch(const Header &header, void *data, std::byte *to, uint64_t bytes, bool isRows);
  static ucs_status_t onPart(void *self, const void *header, size_t headerSize, void *data, size_t size,
                             const ucp_am_recv_param_t *param);
  static ucs_status_t onRows(void *self, const void *header, size_t headerSize, void *data, size_t size,
                             const ucp_am_recv_param_t *param);
  static void onFetched(void *request, ucs_status_t status, size_t size, void *fetch);
  static void onLeft(void *request, ucs_status_t status, void *part);

  const uint32_t rank_;
  const uint64_t job_;
  const faro_place_handler onPlace_;
  const faro_arrived_handler onArrived_;
  const faro_lost_handler onLost_;
  const faro_sent_handler onSent_;
  const faro_whole_handler onWhole_;
  void *const user_;
  Peers &peers_;
  AttachedMemory &attached_;
  std::list<Outgoing> outgoing_;
  std::map<Key, Incoming> incoming_;
  std::list<Fetch> fetches_;
  std::vector<uint64_t> sent_; ///< tokens
  uint32_t handled_ = 0;
};

} // namespace faro::ucx
