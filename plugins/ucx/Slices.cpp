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

ucs_status_t Slices::post(Part &part) {
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  params.cb.send = onLeft;
  params.user_data = &part;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
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
  const ucs_status_ptr_t request =
      ucp_am_send_nbx(part.slice->peer->endpoint->handle(), Id, &part.header, sizeof part.header, data, count, &params);
  return UCS_PTR_IS_PTR(request) ? UCS_INPROGRESS : UCS_PTR_STATUS(request);
}

Status Slices::deliver(Peer &peer, uint64_t tag, std::span<const faro_iov> pieces, uint64_t token) {
  Header header{job_, tag, peer.slices++, 0, 0, rank_, 0};
  for (const faro_iov &piece : pieces)
    header.size += piece.size;
  Outgoing &slice = outgoing_.emplace_front(Outgoing{this, &peer, token, {}, false, {}});
  slice.self = outgoing_.begin();
  cut(pieces, peers_.workerOf(peer).context()->partBytes(), [&](uint64_t offset) -> std::vector<ucp_dt_iov_t> & {
    slice.parts.push_back({&slice, header, {}});
    slice.parts.back().header.offset = offset;
    return slice.parts.back().pieces;
  });

  bool started = false;
  for (auto part = slice.parts.begin(); part != slice.parts.end();) {
    const ucs_status_t status = peer.state() ? post(*part) : UCS_ERR_CANCELED;
    if (UCS_STATUS_IS_ERR(status))
      peer.markFailed(status, "a slice could not be sent");
    started |= !UCS_STATUS_IS_ERR(status);
    part = status == UCS_INPROGRESS ? std::next(part) : slice.parts.erase(part);
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
    return known->second.tag == header.tag && known->second.size == header.size ? &known->second : nullptr;
  ++handled_;
  void *to = onPlace_ ? onPlace_(user_, peer.rank, header.tag, header.size) : nullptr;
  if (!to) {
    peer.refusal = Status(FARO_PEER_FAILED,
                          fmt::format("rank {} sent a slice of {} bytes with tag {:#x}, for which rank {} has no place",
                                      peer.rank, header.size, header.tag, rank_));
    return nullptr;
  }
  Incoming slice{header.tag, header.size, header.size, static_cast<std::byte *>(to)};
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

ucs_status_t Slices::onPart(void *user, const void *headerData, size_t headerSize, void *data, size_t size,
                            const ucp_am_recv_param_t *param) {
  auto *self = static_cast<Slices *>(user);
  Header header;
  if (headerSize != sizeof header)
    return UCS_OK;
  std::memcpy(&header, headerData, sizeof header);
  Peer *peer = header.job == self->job_ ? self->peers_.hear(header.rank) : nullptr;
  // For a rendezvous this answer tells UCX that nobody wants it.
  if (!peer || !peer->state() || header.offset > header.size || size > header.size - header.offset)
    return UCS_OK;
  Incoming *slice = self->place(*peer, header);
  if (!slice)
    return UCS_OK;
  const Key key{header.rank, header.number};
  std::byte *to = slice->to + header.offset;
  if (!(param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV)) {
    if (size)
      std::memcpy(to, data, size);
    self->landed(self->incoming_.find(key), size);
    return UCS_OK;
  }
  self->fetch(key, data, to, size, self->peers_.workerOf(*peer).handle());
  return UCS_INPROGRESS; // the descriptor is UCX's again
}

void Slices::fetch(const Key &key, void *data, std::byte *to, uint64_t bytes, ucp_worker_h worker) {
  Fetch &fetch = fetches_.emplace_front(Fetch{this, key, bytes, {}});
  fetch.self = fetches_.begin();
  Incoming &slice = incoming_.at(key);
  ++slice.fetching;
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                        UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv_am = onFetched;
  params.user_data = &fetch;
  params.memory_type = UCS_MEMORY_TYPE_HOST;
  const ucs_status_ptr_t request = ucp_am_recv_data_nbx(worker, data, to, bytes, &params);
  if (!UCS_PTR_IS_ERR(request))
    return;
  fetches_.pop_front();
  --slice.fetching;
  slice.failed = true; // `report` tells
  peers_[key.first].markFailed(UCS_PTR_STATUS(request), "a slice could not be fetched");
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
