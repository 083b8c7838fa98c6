// A ucp_rkey_h: a peer's region, as seen from here.
#pragma once

#include "plugins/ucx/Endpoint.h"

#include <cstddef>
#include <span>

namespace faro::ucx {

/// Stands before UCX's packed key.
struct PackedKeyHeader {
  uint64_t base;
  uint64_t size;
};

class RemoteKey {
public:
  /// `packed` is what the peer's MemoryHandle::pack gave.
  static Expected<std::unique_ptr<RemoteKey>> create(std::shared_ptr<Endpoint> endpoint,
                                                     std::span<const std::byte> packed);
  ~RemoteKey();
  RemoteKey(const RemoteKey &) = delete;
  RemoteKey &operator=(const RemoteKey &) = delete;

  ucp_rkey_h handle() const { return handle_; }
  Endpoint &endpoint() const { return *endpoint_; }
  uint64_t base() const { return base_; } ///< in the peer's address space
  uint64_t size() const { return size_; }
  /// The region in our own address space, or null where it cannot be mapped.
  std::byte *pointer() const { return pointer_; }

private:
  RemoteKey(std::shared_ptr<Endpoint> endpoint, ucp_rkey_h handle) : endpoint_(std::move(endpoint)), handle_(handle) {}
  std::shared_ptr<Endpoint> endpoint_; // UCX ties a key to its endpoint
  ucp_rkey_h handle_;
  uint64_t base_ = 0;
  uint64_t size_ = 0;
  std::byte *pointer_ = nullptr;
};

} // namespace faro::ucx
