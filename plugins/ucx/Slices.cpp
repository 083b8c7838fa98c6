#include "plugins/ucx/Slices.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace faro::ucx {

/// Makes parts of at most `partBytes` (0: one part, whatever it takes).
static void cut(std::span<const faro_iov> pieces, uint64_t partBytes,
                const std::function<std::vector<ucp_dt_iov_t> &(uint64_t offset)> &begin) {
  std::vector<ucp_dt_iov_t> *part = &begin(0);
  uint64_t offset = 0, inPart = 0;
  for (const faro_iov &piece : pieces) {
    const auto *from = static_cast<const std::byte *>(piece.data);
    for (uint64_t left = piece.size; left != 0;) {
      if (partBytes && inPart == partBytes) {
        part = &begin(offset);
        inPart = 0;
      }
      const uint64_t bytes = partBytes ? std::min(left, partBytes - inPart) : left;
      part->push_back({const_cast<std::byte *>(from), bytes}); // UCX only reads it
      from += bytes;
      left -= bytes;
      offset += bytes;
      inPart += bytes;
    }
  }
}

/// Said, not left to be found out: UCX's cache of memory that it has seen being allocated may not know it.
static ucs_memory_type_t memoryOf(bool isRows) { return isRows ? UCS_MEMORY_TYPE_CUDA : UCS_MEMORY_TYPE_HOST; }

Status Slices::listen(Worker &worker) {
  FARO_RETURN_IF_ERROR(worker.receive(Id, onPart, this));
  // Persistent: so that UCX can be told to copy what came eagerly, which we could not do to a device.
  return worker.receive(RowsId, onRows, this, UCP_AM_FLAG_PERSISTENT_DATA);
}

ucs_status_t Slices::post(Part &part) {
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  params.cb.send = onLeft;
  params.user_data = &part;
  params.memory_type = memoryOf(part.isRows);
  // UCX sends what is short at once, before it looks at the kind of memory; not what must not complete at once.
  if (part.isRows)
    params.op_attr_mask |= UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  const void *data = part.pieces.empty() ? nullptr : part.pieces[0].buffer;
  size_t count = part.pieces.empty() ? 0 : part.pieces[0].length;
  if (part.pieces.size() > 1) {
    params.op_attr_mask |= UCP_OP_ATTR_FIELD_DATATYPE;
    params.datatype = UCP_DATATYPE_IOV;
    data = part.pieces.data();
    count = part.pieces.size();
  } else if (count == 0) {
    params.op_attr_mask |= UCP_OP_ATTR_FIELD_FLAGS;
    params.flags = UCP_AM_SEND_FLAG_EAGER; // UCX 1.13 loses a rendezvous about nothing
  }
  const ucs_status_ptr_t request = ucp_am_send_nbx(part.slice->peer->endpoint->handle(), part.isRows ? RowsId : Id,
                                                   &part.header, sizeof part.header, data, count, &params);
  return UCS_PTR_IS_PTR(request) ? UCS_INPROGRESS : UCS_PTR_STATUS(request);
}

Status Slices::deliver(Peer &peer, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows,
                       uint64_t token) {
  if (rows && !attached_.find(rows->data, rows->size))
    return plugin::notAttached(*rows);
  if (rows && peer.sameNode)
    return Status(FARO_UNAVAILABLE, fmt::format("rank {} is on the node of rank {}: slices with rows on a device go "
                                                "between nodes",
                                                peer.rank, rank_));
  Header header{job_, tag, peer.slices++, 0, rows ? rows->size : 0, 0, rank_, 0};
  for (const faro_iov &piece : pieces)
    header.size += piece.size;
  const uint64_t rowsAt = header.size;
  header.size += header.rowBytes;
  Outgoing &slice = outgoing_.emplace_front(Outgoing{this, &peer, token, {}, false, {}});
  slice.self = outgoing_.begin();
  const uint64_t partBytes = peers_.workerOf(peer).context()->partBytes();
  const auto addParts = [&](std::span<const faro_iov> of, uint64_t from, bool isRows) {
    cut(of, partBytes, [&](uint64_t offset) -> std::vector<ucp_dt_iov_t> & {
      slice.parts.push_back({&slice, header, isRows, {}});
      slice.parts.back().header.offset = from + offset;
      return slice.parts.back().pieces;
    });
  };
  if (rowsAt || !header.rowBytes) // a part of nothing only where there is nothing else: it could come last
    addParts(pieces, 0, /*isRows=*/false);
  if (header.rowBytes)
    addParts({rows, 1}, rowsAt, /*isRows=*/true);

  bool started = false;
  for (auto next = slice.parts.begin(); next != slice.parts.end();) {
    const auto part = next++; // onLeft may come, and take it out, before post returns
    const ucs_status_t status = peer.state() ? post(*part) : UCS_ERR_CANCELED;
    if (UCS_STATUS_IS_ERR(status))
      peer.markFailed(status, "a slice could not be sent");
    started |= !UCS_STATUS_IS_ERR(status);
    if (status != UCS_INPROGRESS)
      slice.parts.erase(part);
  }
  if (!started) {
    outgoing_.pop_front();
    return peer.state();
  }
  slice.complete = true;
  if (slice.parts.empty())
    partLeft(slice);
  return Status::ok(); // a failure after the first part is for peer_state to tell
}

void Slices::partLeft(Outgoing &slice) {
  if (!slice.complete || !slice.parts.empty())
    return;
  sent_.push_back(slice.token);
  outgoing_.erase(slice.self);
}

void Slices::onLeft(void *request, ucs_status_t status, void *user) {
  auto *part = static_cast<Part *>(user);
  Outgoing &slice = *part->slice;
  if (status != UCS_OK)
    slice.peer->markFailed(status, "a slice was not delivered");
  ucp_request_free(request);
  slice.parts.remove_if([part](const Part &each) { return &each == part; });
  slice.owner->partLeft(slice);
}

void Slices::report() {
  // Handlers may deliver more meanwhile.
  std::vector<uint64_t> tokens;
  tokens.swap(sent_);
  for (const uint64_t token : tokens) {
    ++handled_;
    if (onSent_)
      onSent_(user_, token);
  }
  for (auto slice = incoming_.begin(); slice != incoming_.end();) {
    const auto next = std::next(slice);
    if (!slice->second.fetching && (slice->second.failed || !peers_[slice->first.first].state()))
      lose(slice);
    slice = next;
  }
}

Slices::Incoming *Slices::place(Peer &peer, const Header &header) {
  const Key key{peer.rank, header.number};
  if (const auto known = incoming_.find(key); known != incoming_.end())
    return known->second.tag == header.tag && known->second.size == header.size &&
                   known->second.rowBytes == header.rowBytes
               ? &known->second
               : nullptr;
  ++handled_;
  const faro_place to =
      onPlace_ ? onPlace_(user_, peer.rank, header.tag, header.size - header.rowBytes, header.rowBytes) : faro_place{};
  if (!to.data || (header.rowBytes && !attached_.find(to.rows, header.rowBytes))) {
    peer.refusal = Status(FARO_PEER_FAILED,
                          fmt::format("rank {} sent a slice of {} bytes with tag {:#x}, for which rank {} has no place",
                                      peer.rank, header.size, header.tag, rank_));
    return nullptr;
  }
  Incoming slice{header.tag,
                 header.size,
                 header.rowBytes,
                 header.size,
                 static_cast<std::byte *>(to.data),
                 static_cast<std::byte *>(to.rows)};
  return &incoming_.emplace(key, slice).first->second;
}

void Slices::landed(std::map<Key, Incoming>::iterator slice, uint64_t bytes) {
  slice->second.missing -= bytes;
  if (slice->second.missing)
    return;
  const Incoming whole = slice->second;
  const uint32_t rank = slice->first.first;
  incoming_.erase(slice); // first: the handler may deliver, and so come back here
  ++handled_;
  if (onArrived_)
    onArrived_(user_, rank, whole.tag, whole.size);
}

void Slices::lose(std::map<Key, Incoming>::iterator slice) {
  const Incoming lost = slice->second;
  const uint32_t rank = slice->first.first;
  incoming_.erase(slice);
  ++handled_;
  if (onLost_)
    onLost_(user_, rank, lost.tag, lost.size);
}

Peer *Slices::senderOf(const void *headerData, size_t headerSize, size_t size, bool isRows, Header &header) {
  if (headerSize != sizeof header)
    return nullptr;
  std::memcpy(&header, headerData, sizeof header);
  Peer *peer = header.job == job_ ? peers_.hear(header.rank) : nullptr;
  if (!peer || !peer->state() || header.rowBytes > header.size)
    return nullptr;
  const uint64_t rowsAt = header.size - header.rowBytes;
  const uint64_t begin = isRows ? rowsAt : 0, end = isRows ? header.size : rowsAt;
  return header.offset < begin || header.offset > end || size > end - header.offset ? nullptr : peer;
}

/// Whether the receiver has read it where it is.
bool Slices::readWhole(const Header &header, const void *data, size_t size) {
  if (!onWhole_ || size != header.size || header.rowBytes || !onWhole_(user_, header.rank, header.tag, data, size))
    return false;
  ++handled_;
  return true;
}

ucs_status_t Slices::onPart(void *user, const void *headerData, size_t headerSize, void *data, size_t size,
                            const ucp_am_recv_param_t *param) {
  auto *self = static_cast<Slices *>(user);
  Header header;
  Peer *peer = self->senderOf(headerData, headerSize, size, /*isRows=*/false, header);
  const bool isHere = !(param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV);
  if (!peer || (isHere && self->readWhole(header, data, size)))
    return UCS_OK; // for a rendezvous this answer tells UCX that nobody wants it
  Incoming *slice = self->place(*peer, header);
  if (!slice)
    return UCS_OK;
  std::byte *to = slice->to + header.offset;
  if (isHere) {
    if (size)
      std::memcpy(to, data, size);
    self->landed(self->incoming_.find({header.rank, header.number}), size);
    return UCS_OK;
  }
  self->fetch(header, data, to, size, /*isRows=*/false);
  return UCS_INPROGRESS; // the descriptor is UCX's again
}

ucs_status_t Slices::onRows(void *user, const void *headerData, size_t headerSize, void *data, size_t size,
                            const ucp_am_recv_param_t *) {
  auto *self = static_cast<Slices *>(user);
  Header header;
  Peer *peer = self->senderOf(headerData, headerSize, size, /*isRows=*/true, header);
  Incoming *slice = peer ? self->place(*peer, header) : nullptr;
  if (!slice)
    return UCS_OK;
  self->fetch(header, data, slice->rows + (header.offset - (header.size - header.rowBytes)), size, /*isRows=*/true);
  return UCS_INPROGRESS;
}

void Slices::fetch(const Header &header, void *data, std::byte *to, uint64_t bytes, bool isRows) {
  const Key key{header.rank, header.number};
  Peer &peer = peers_[header.rank];
  Fetch &fetch = fetches_.emplace_front(Fetch{this, key, bytes, {}});
  fetch.self = fetches_.begin();
  Incoming &slice = incoming_.at(key);
  ++slice.fetching;
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                        UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv_am = onFetched;
  params.user_data = &fetch;
  params.memory_type = memoryOf(isRows);
  const ucs_status_ptr_t request = ucp_am_recv_data_nbx(peers_.workerOf(peer).handle(), data, to, bytes, &params);
  if (!UCS_PTR_IS_ERR(request))
    return;
  fetches_.pop_front();
  --slice.fetching;
  slice.failed = true; // `report` tells
  peer.markFailed(UCS_PTR_STATUS(request), "a slice could not be fetched");
}

void Slices::onFetched(void *request, ucs_status_t status, size_t, void *user) {
  const Fetch fetch = *static_cast<Fetch *>(user);
  Slices *self = fetch.owner;
  self->fetches_.erase(fetch.self);
  ucp_request_free(request);
  const auto slice = self->incoming_.find(fetch.key);
  --slice->second.fetching;
  if (status == UCS_OK)
    return self->landed(slice, fetch.bytes);
  slice->second.failed = true;
  self->peers_[fetch.key.first].markFailed(status, "a slice did not arrive in full");
}

} // namespace faro::ucx
