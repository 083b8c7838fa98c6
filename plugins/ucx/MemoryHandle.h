// A ucp_mem_h: zeroed memory of this rank that peers can reach.
#pragma once

#include "plugins/ucx/Context.h"

#include <cstddef>
#include <vector>

namespace faro::ucx {

class MemoryHandle {
public:
  static Expected<std::unique_ptr<MemoryHandle>> create(std::shared_ptr<Context> context, size_t size);
  ~MemoryHandle();
  MemoryHandle(const MemoryHandle &) = delete;
  MemoryHandle &operator=(const MemoryHandle &) = delete;

  void *base() const { return base_; }
  size_t size() const { return size_; }
  /// What RemoteKey::create needs on a peer: where and how large it is, then UCX's packed key.
  Expected<std::vector<std::byte>> pack() const;

private:
  MemoryHandle(std::shared_ptr<Context> context, ucp_mem_h handle, size_t size)
      : context_(std::move(context)), handle_(handle), size_(size) {}
  std::shared_ptr<Context> context_;
  ucp_mem_h handle_;
  void *base_ = nullptr;
  size_t size_; // what was asked for; UCX rounds up to pages
};

} // namespace faro::ucx
