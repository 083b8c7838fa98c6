// How ranks of one node tell each other that something is done: flags in symmetric memory, and a doorbell for those who
// sleep.
//
//   notify(flag)  ── stores its epoch and a tag at every rank of the node; the last to arrive rings a sleeper's bell
//   await(flag)   ── looks, spins briefly, then sleeps until all of them have arrived
//
// Every rank raises the same flags in the same order, each once an epoch. A rank may run ahead of another by one epoch
// of a flag and never by two: it ends an epoch only when all have raised it. So two words a flag and source are enough.
// Nothing in here leaves the node; waits only keep the wire going.
#pragma once

#include "runtime/abi/faro_abi.h"
#include "runtime/core/SymmetricMemory.h"

#include <atomic>
#include <span>

namespace faro {

/// What a rank says with a flag: what it is doing (ranks that do different things are found out) and one number.
struct SignalTag {
  uint16_t activity = 0;
  uint8_t value = 0;
};

class SignalBoard {
public:
  /// Flags 0 .. FARO_ABI_FLAGS - 1 belong to programs, the others to the session.
  static constexpr uint32_t MeetFlag = FARO_ABI_FLAGS, CountsFlag = FARO_ABI_FLAGS + 1, Flags = FARO_ABI_FLAGS + 2;

  /// Collective over the job. sharedOfLocal: bytes that each rank of this node wants for its own use, by local index.
  static Expected<std::unique_ptr<SignalBoard>> create(std::shared_ptr<Communicator> communicator,
                                                       const std::vector<uint64_t> &sharedOfLocal);

  /// Which plan the flags from now on are about (0: none). It goes with every flag, so that ranks of a node that use
  /// different plans are found out.
  void about(uint64_t planHash) { plan = planHash & 0xffffff; }

  /// How to end the sleep of a rank of this node that also waits for the wire, where ranks are on several nodes. The
  /// call does not block.
  using Doorbell = std::function<void(uint32_t rank)>;
  void ringBy(Doorbell bell) { doorbell = std::move(bell); }

  /// Everything this thread wrote before is visible to a rank that has awaited the flag.
  void notify(uint32_t flag, SignalTag tag);

  /// Whether all ranks of the node have raised the flag since it was last awaited; then that epoch is over. Never
  /// blocks. INVALID_ARGUMENT when a rank does something else (other activity, other plan).
  Expected<bool> test(uint32_t flag, uint16_t activity);

  /// Waits for it, within the communicator's time-out. `what` is named in the error with the ranks that did not come.
  Status await(uint32_t flag, uint16_t activity, const std::string &what);

  /// INVALID_ARGUMENT when a rank of this node that this one waits for is in another call: it raised a flag there that
  /// this one has not, and none here. `test` finds those that raise the same flag.
  Status checkCalls() const;

  /// Ranks that have not raised the flag since it was last awaited.
  std::vector<uint32_t> missing(uint32_t flag) const;

  /// Says which ranks a wait is for: those that have not come.
  using Absent = std::function<std::vector<uint32_t>()>;

  /// Returns when a flag may have been raised or something may have come over the wire, or after some milliseconds; not
  /// at all once the deadline has passed or a rank that is waited for has left. Looks after failed ranks meanwhile. For
  /// callers that test several things in turn.
  class Waiter {
  public:
    /// Without `absent`: for the flags that this rank has raised.
    explicit Waiter(SignalBoard &board, Absent absent = {});
    Status pause(const std::string &what);
    /// Only looks after peers, now and then, without waiting: for those who come back later by themselves.
    Status look(const std::string &what);
    /// An error once the deadline has passed. Of the time in which nobody looked, a second at most counts: the caller
    /// was elsewhere.
    Status lookAtDeadline(const std::string &what) const;
    /// How long that has been.
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    Status lookAfterPeers(const std::string &what, Clock::time_point now);
    std::vector<uint32_t> missing() const;

    SignalBoard *board;
    Absent absent;
    Clock::time_point start, lastCheck;
    std::optional<Clock::time_point> leftSeen; ///< when a rank of another node was first found to have left
    uint32_t spins = 0;
  };

  /// What the rank (of this node) said with its flag of the epoch last tested.
  uint8_t valueOf(uint32_t flag, uint32_t rank) const;

  /// Collective on the node: everybody's bytes, by local index. Bytes of any length, in letters of some kilobytes.
  Expected<std::vector<Bytes>> gather(const Bytes &mine, uint16_t activity, const char *what);

  /// What the rank (of this node) asked for in `create`. Zeroed, 64-byte aligned.
  std::byte *sharedOf(uint32_t rank) const;

  /// Whether a rank that waits should offer its core to others: they may have none.
  bool isCrowded() const { return crowded; }

private:
  struct Header;
  struct Flag;
  explicit SignalBoard(std::shared_ptr<Communicator> c);
  uint32_t ranks() const { return uint32_t(node.size()); }
  // Ranks of the node by local index.
  std::byte *boardOf(uint32_t local) const { return memory->of(node[local]); }
  Header &header(uint32_t local) const;
  Flag &flagAt(uint32_t board, uint32_t flag, uint32_t from, uint64_t epoch) const;
  std::byte *letterOf(uint32_t local, uint64_t epoch) const;
  bool raisedBy(uint32_t flag, uint32_t from) const;
  bool isElsewhere(uint32_t from, uint16_t activity) const;
  bool complete(uint32_t flag) const;
  bool outstanding(uint32_t flag) const { return raised[flag] > awaited[flag]; }
  /// Until a flag that this rank has raised may be complete, something may have come over the wire, or `limit`.
  Status sleep(Nanoseconds limit);

  std::shared_ptr<Communicator> communicator;
  std::unique_ptr<SymmetricMemory> memory;
  const std::span<const uint32_t> node; ///< its ranks
  const uint32_t me;                    ///< my place among them
  const bool acrossNodes;
  uint32_t spinLimit;
  bool crowded; ///< ranks of this machine outnumber the cores that this one may use
  uint32_t plan = 0;
  Doorbell doorbell;            ///< none: everybody sleeps on the futex
  uint64_t raised[Flags] = {};  ///< epochs I have notified
  uint64_t awaited[Flags] = {}; ///< epochs that are over
};

} // namespace faro
