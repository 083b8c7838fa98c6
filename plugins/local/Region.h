// Memory that peers may reach: made by its owner, mapped by the others.
#pragma once

#include "faro/transport.h"
#include "plugins/local/Job.h"
#include "plugins/local/Records.h"

namespace faro::local {

/// A rank's own memory. Peers find it by its key until it is destroyed.
class Region {
public:
  /// `size` > 0.
  static Expected<std::unique_ptr<Region>> create(std::shared_ptr<Job> job, uint32_t owner, size_t size);
  ~Region();
  Region(const Region &) = delete;
  Region &operator=(const Region &) = delete;

  std::byte *base() const { return memory_->base(); }
  const Key &key() const { return key_; }

private:
  Region(std::shared_ptr<Job> job, uint32_t owner, std::shared_ptr<Memory> memory);

  std::shared_ptr<Job> job_;
  std::shared_ptr<Memory> memory_;
  Key key_;
};

/// A peer's memory.
class RemoteRegion {
public:
  RemoteRegion(std::shared_ptr<Job> job, std::shared_ptr<Memory> memory, uint32_t owner, bool sameNode)
      : job_(std::move(job)), memory_(std::move(memory)), owner_(owner), sameNode_(sameNode) {}

  /// Null where the owner plays to be on another node.
  std::byte *pointer() const { return sameNode_ ? memory_->base() : nullptr; }
  Status put(uint64_t offset, std::span<const faro_iov> pieces);

private:
  std::shared_ptr<Job> job_;
  std::shared_ptr<Memory> memory_;
  uint32_t owner_;
  bool sameNode_;
};

} // namespace faro::local
