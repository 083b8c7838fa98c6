#include "plugins/ucx/RemoteKey.h"

#include "plugins/ucx/UcsStatus.h"

#include <cstring>
#include <fmt/format.h>

namespace faro::ucx {

Expected<std::unique_ptr<RemoteKey>> RemoteKey::create(std::shared_ptr<Endpoint> endpoint,
                                                       std::span<const std::byte> packed) {
  PackedKeyHeader header;
  if (packed.size() <= sizeof header)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("the key of a region has {} bytes only", packed.size()));
  std::memcpy(&header, packed.data(), sizeof header);
  ucp_rkey_h handle = nullptr;
  if (ucs_status_t status = ucp_ep_rkey_unpack(endpoint->handle(), packed.data() + sizeof header, &handle);
      status != UCS_OK)
    return toStatus(status, fmt::format("unpacking a key of rank {}", endpoint->peer()));
  std::unique_ptr<RemoteKey> key(new RemoteKey(std::move(endpoint), handle));
  key->base_ = header.base;
  key->size_ = header.size;
  // "Unreachable" is an answer, not an error: the peer is on another node, or the memory is not shared.
  void *pointer = nullptr;
  if (ucp_rkey_ptr(handle, header.base, &pointer) == UCS_OK)
    key->pointer_ = static_cast<std::byte *>(pointer);
  return key;
}

RemoteKey::~RemoteKey() { ucp_rkey_destroy(handle_); }

} // namespace faro::ucx
