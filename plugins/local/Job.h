// The ranks of one job in this process, and what they can reach of each other.
//
//   Job::join(name) ─► Job ──┬─ Inbox per rank     messages, in the order in which they were sent
//                            ├─ state per rank     not yet here, open, gone
//                            └─ regions by number  memory, alive as long as its owner or a peer holds it
#pragma once

#include "faro/status.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace faro::local {

struct Message {
  uint32_t rank = 0;
  uint32_t tag = 0;
  std::vector<std::byte> bytes;
};

/// Where a rank's peers leave messages. Any thread may push and wake; the rank's own thread takes and waits.
class Inbox {
public:
  void push(Message message);
  void wake();
  std::vector<Message> take();
  void waitFor(std::chrono::nanoseconds timeout);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Message> messages_;
  bool woken_ = false;
};

/// Zeroed pages. The peers that map a region share it, so it outlives the rank that made it.
class Memory {
public:
  static Expected<std::shared_ptr<Memory>> create(size_t size);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  std::byte *base() const { return base_; }
  size_t size() const { return size_; }

private:
  Memory(std::byte *base, size_t size) : base_(base), size_(size) {}
  std::byte *base_;
  size_t size_;
};

class Job {
public:
  /// The job of this name, made by its first rank and forgotten with its last one.
  static Expected<std::shared_ptr<Job>> join(const std::string &name, uint32_t rank, uint32_t worldSize);
  Job(std::string name, uint32_t worldSize);

  const std::string &name() const { return name_; }
  uint64_t id() const { return id_; }
  uint32_t worldSize() const { return uint32_t(ranks_.size()); }
  Inbox &inbox(uint32_t rank) { return ranks_[rank]->inbox; }

  /// OK while the rank is here or still to come.
  Status state(uint32_t rank);
  void leave(uint32_t rank);

  uint64_t publish(uint32_t owner, std::shared_ptr<Memory> memory);
  void retract(uint64_t region);
  /// Null when the owner never published it or has released it.
  std::shared_ptr<Memory> find(uint32_t owner, uint64_t region);

private:
  enum class Presence { Absent, Open, Gone };
  struct Rank {
    Inbox inbox;
    Presence presence = Presence::Absent; // guarded by mutex_
  };
  struct Region {
    uint32_t owner;
    std::shared_ptr<Memory> memory;
  };

  const std::string name_;
  const uint64_t id_;
  std::vector<std::unique_ptr<Rank>> ranks_; // the vector itself never changes
  std::mutex mutex_;
  std::map<uint64_t, Region> regions_;
  uint64_t nextRegion_ = 1;
};

} // namespace faro::local
