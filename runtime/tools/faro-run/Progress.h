// Where each rank is, readable by whoever started it.
//
// The board is a page of shared memory: telling costs a rank two stores, so it may do so between the parts that are
// timed, and a rank that hangs is still seen to hang where it does.
#pragma once

#include "faro/status.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace faro::run {

enum class Phase : uint32_t {
  Starting,
  Loading,
  Connecting,
  ReadingInput,
  SettingUp,
  Preparing,
  Dispatching,
  Experts,
  Combining,
  Expecting,
  Verifying,
  Writing,
  Finishing,
  Done
};
const char *phaseName(Phase phase);

/// One rank's place. Its own cache line: ranks do not disturb each other.
struct alignas(64) ProgressSlot {
  std::atomic<uint32_t> phase{0};
  std::atomic<uint32_t> repeat{0};

  void enter(Phase next) { phase.store(uint32_t(next), std::memory_order_relaxed); }
  void enter(Phase next, uint32_t inRepeat) {
    repeat.store(inRepeat, std::memory_order_relaxed);
    enter(next);
  }
};

class ProgressBoard {
public:
  static Expected<ProgressBoard> create(uint32_t ranks);
  /// In a rank that inherited the descriptor, which it closes.
  static Expected<ProgressBoard> open(int fd, uint32_t ranks);
  ProgressBoard(ProgressBoard &&other) noexcept;
  ProgressBoard &operator=(ProgressBoard &&) = delete;
  ~ProgressBoard();

  int fd() const { return fd_; }
  uint32_t ranks() const { return ranks_; }
  ProgressSlot &slot(uint32_t rank) const { return slots_[rank]; }

  /// "ranks 0, 2 and 3 dispatching, rank 1 reading input".
  std::string describe() const;

private:
  ProgressBoard(int fd, uint32_t ranks, ProgressSlot *slots) : fd_(fd), ranks_(ranks), slots_(slots) {}
  static Expected<ProgressBoard> map(int fd, uint32_t ranks);
  int fd_;
  uint32_t ranks_;
  ProgressSlot *slots_;
};

/// The line on stderr that shows that something happens: redrawn on a terminal, else one every few seconds. Nothing for
/// work that is done in a moment.
class ProgressLine {
public:
  ProgressLine(const ProgressBoard &board, uint32_t repeats);
  ~ProgressLine() { clear(); }
  /// Draws when it is time to. Returns after how long to call again.
  std::chrono::milliseconds tick();
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  const ProgressBoard &board_;
  uint32_t repeats_;
  bool terminal_;
  Clock::time_point begin_ = Clock::now(), next_;
};

} // namespace faro::run
