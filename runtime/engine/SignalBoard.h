// How ranks of one node tell each other that something is done: flags in symmetric memory, and a doorbell for those who
// sleep.
//
//   notify(flag)  ── stores its epoch and a tag at every rank; the last to arrive rings a sleeper's bell
//   await(flag)   ── looks, spins briefly, then sleeps until all ranks have arrived
//
// Every rank raises the same flags in the same order, each once an epoch. A rank may run ahead of another by one epoch
// of a flag and never by two: it ends an epoch only when all have raised it. So two words a flag and source are enough.
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

  /// Collective. Room for counts of `experts` numbers from each rank.
  static Expected<std::unique_ptr<SignalBoard>> create(std::shared_ptr<Communicator> communicator, uint32_t experts);

  /// Everything this thread wrote before is visible to a rank that has awaited the flag.
  void notify(uint32_t flag, SignalTag tag);

  /// Whether all ranks have raised the flag since it was last awaited; then that epoch is over. Never blocks.
  /// INVALID_ARGUMENT when a rank does something else (other activity).
  Expected<bool> test(uint32_t flag, uint16_t activity);

  /// Waits for it, within the communicator's time-out. `what` is named in the error with the ranks that did not come.
  Status await(uint32_t flag, uint16_t activity, const std::string &what);

  /// Returns when a flag may have been raised, or after some milliseconds; not at all once the deadline has passed.
  /// Looks after failed ranks meanwhile. For callers that test several flags in turn.
  class Waiter {
  public:
    explicit Waiter(SignalBoard &board);
    Status pause(const std::string &what);

  private:
    SignalBoard *board;
    std::chrono::steady_clock::time_point start, lastCheck;
    uint32_t spins = 0;
  };

  /// What the rank said with its flag of the epoch last tested.
  uint8_t valueOf(uint32_t flag, uint32_t rank) const;

  /// Puts my counts where every rank can read them, then raises CountsFlag. Two sets alternate, so that nobody
  /// overwrites what a slower rank still reads.
  void publishCounts(const std::vector<uint32_t> &counts, uint16_t activity);
  /// All ranks' counts of the epoch last awaited: [ranks x count]. Valid until the next but one publishCounts.
  std::span<const uint32_t> counts(uint32_t count) const;

private:
  struct Header;
  struct Flag;
  SignalBoard(std::shared_ptr<Communicator> c, uint32_t experts);
  Header &header(uint32_t rank) const;
  Flag &flagAt(uint32_t board, uint32_t flag, uint32_t from, uint64_t epoch) const;
  bool raisedBy(uint32_t flag, uint32_t from) const;
  bool complete(uint32_t flag) const;
  uint32_t *countsAt(uint32_t board, uint32_t set) const;
  std::string missing(uint32_t flag) const;

  std::shared_ptr<Communicator> communicator;
  std::unique_ptr<SymmetricMemory> memory;
  uint32_t ranks, experts;
  uint32_t spinLimit;
  uint64_t raised[Flags] = {};  ///< epochs I have notified
  uint64_t awaited[Flags] = {}; ///< epochs that are over
};

} // namespace faro
