// The ranks of one job in this process, and what they can reach of each other.
//
//   Job::join(name) ─► Job ──┬─ Inbox per rank     messages, slices and receipts, in the order in which they were sent
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
#include <variant>
#include <vector>

namespace faro::local {

struct Message {
  uint32_t rank = 0;
  uint32_t tag = 0;
  std::vector<std::byte> bytes;
};

/// A slice whose bytes still lie where its sender has them.
struct Slice {
  uint32_t rank = 0;
  uint64_t tag = 0;
  uint64_t token = 0;
  std::vector<faro_iov> pieces;
  faro_iov rows{}; ///< in the memory of its sender's device
};

/// Tells a slice's sender that nobody reads its pieces any more.
struct Receipt {
  uint64_t token = 0;
};

using Item = std::variant<Message, Slice, Receipt>;

/// Where a rank's peers leave things. Any thread may push and wake; the rank's own thread takes and waits.
class Inbox {
public:
  /// False, and `item` is as it was, once the inbox is closed.
  bool push(Item &&item);
  void wake();
  std::vector<Item> take();
  /// What was not taken. Nothing more gets in.
  std::vector<Item> close();
  void waitFor(std::chrono::nanoseconds timeout);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  bool woken_ = false;
  bool closed_ = false;
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
  /// Copies the slice to its place, rows by `rowsAt`'s way, and tells its sender. OK and false: the sender has left,
  /// and its memory with it.
  Expected<bool> gather(const Slice &slice, const faro_place &to, const faro_device_memory *rowsAt);
  /// Tells the slice's sender that it is done with.
  void acknowledge(const Slice &slice);

  uint64_t publish(uint32_t owner, std::shared_ptr<Memory> memory);
  void retract(uint64_t region);
  /// Null when the owner never published it or has released it.
  std::shared_ptr<Memory> find(uint32_t owner, uint64_t region);

private:
  enum class Presence { Absent, Open, Gone };
  struct Rank {
    Inbox inbox;
    /// Held while another rank reads this one's slices: it cannot leave meanwhile.
    std::mutex reading;
    bool readable = true;                 // guarded by reading
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
