#include "runtime/engine/SignalBoard.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace faro {

using Clock = std::chrono::steady_clock;

// One cache line for what the sleeper and its wakers share, one for each rank's flags.
struct alignas(64) SignalBoard::Header {
  std::atomic<uint32_t> bell;     // the futex: changes when somebody rings
  std::atomic<uint32_t> sleeping; // whether ringing is worth a system call
  std::atomic<uint64_t> arrived[Flags];
};

struct SignalBoard::Flag {
  std::atomic<uint64_t> word; // epoch << 24 | activity << 8 | value
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free,
              "shared between processes");

static constexpr size_t FlagLine = 128; // of one source: two words for each flag
static_assert(2 * SignalBoard::Flags * sizeof(uint64_t) <= FlagLine);

static void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void futexWait(std::atomic<uint32_t> *word, uint32_t seen, std::chrono::nanoseconds limit) {
  const timespec timeout{time_t(limit.count() / 1000000000), long(limit.count() % 1000000000)};
  // Not FUTEX_PRIVATE: the word is in memory that processes share. Every reason to return is handled by looking again.
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(word), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

static void futexWake(std::atomic<uint32_t> *word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

SignalBoard::SignalBoard(std::shared_ptr<Communicator> c, uint32_t experts)
    : communicator(std::move(c)), ranks(communicator->size()), experts(experts) {
  cpu_set_t cores;
  const bool known = sched_getaffinity(0, sizeof cores, &cores) == 0;
  // A core for every rank: what is awaited is under way on another core, and a few microseconds of looking are cheaper
  // than sleeping. Fewer: the core is needed by the rank that is awaited.
  spinLimit = known && uint32_t(CPU_COUNT(&cores)) >= ranks ? 4000 : 50;
}

Expected<std::unique_ptr<SignalBoard>> SignalBoard::create(std::shared_ptr<Communicator> communicator,
                                                           uint32_t experts) {
  std::unique_ptr<SignalBoard> board(new SignalBoard(communicator, experts));
  const uint64_t size = sizeof(Header) + board->ranks * FlagLine + 2ull * board->ranks * experts * sizeof(uint32_t);
  auto memory = SymmetricMemory::create(communicator, std::vector<uint64_t>(board->ranks, size), "signal board");
  if (!memory)
    return memory.status();
  board->memory = std::move(*memory);
  return board;
}

SignalBoard::Header &SignalBoard::header(uint32_t rank) const { return *reinterpret_cast<Header *>(memory->of(rank)); }

SignalBoard::Flag &SignalBoard::flagAt(uint32_t board, uint32_t flag, uint32_t from, uint64_t epoch) const {
  return reinterpret_cast<Flag *>(memory->of(board) + sizeof(Header) + from * FlagLine)[2 * flag + epoch % 2];
}

bool SignalBoard::raisedBy(uint32_t flag, uint32_t from) const {
  const uint64_t epoch = awaited[flag] + 1;
  return flagAt(communicator->rank(), flag, from, epoch).word.load(std::memory_order_acquire) >> 24 == epoch;
}

/// The counter is a cheap first look: it may be too high while one rank is an epoch ahead and another's arrival is
/// still on its way, so each rank's own word decides.
bool SignalBoard::complete(uint32_t flag) const {
  if (header(communicator->rank()).arrived[flag].load() < (awaited[flag] + 1) * ranks)
    return false;
  for (uint32_t from = 0; from < ranks; ++from)
    if (!raisedBy(flag, from))
      return false;
  return true;
}

uint32_t *SignalBoard::countsAt(uint32_t board, uint32_t set) const {
  return reinterpret_cast<uint32_t *>(memory->of(board) + sizeof(Header) + ranks * FlagLine) +
         size_t(set) * ranks * experts;
}

void SignalBoard::notify(uint32_t flag, SignalTag tag) {
  const uint64_t epoch = ++raised[flag];
  const uint64_t word = epoch << 24 | uint64_t(tag.activity) << 8 | tag.value;
  // Starting behind oneself spreads the stores of all ranks over all boards.
  for (uint32_t i = 1; i <= ranks; ++i) {
    const uint32_t to = (communicator->rank() + i) % ranks;
    Header &h = header(to);
    // Release: rows and counts written before are visible to whoever sees the flag. (Streaming stores were fenced by
    // the kernel that made them.)
    flagAt(to, flag, communicator->rank(), epoch).word.store(word, std::memory_order_release);
    // Sequentially consistent, as is the sleeper's store to `sleeping` before it looks at `arrived`: either this rank
    // sees the sleeper, or the sleeper sees the arrival.
    const uint64_t arrivals = h.arrived[flag].fetch_add(1) + 1;
    // Only the last one of an epoch rings: the others would wake the sleeper for nothing.
    if (arrivals >= epoch * ranks && h.sleeping.load()) {
      h.bell.fetch_add(1);
      futexWake(&h.bell);
    }
  }
}

Expected<bool> SignalBoard::test(uint32_t flag, uint16_t activity) {
  if (!complete(flag))
    return false;
  const uint64_t epoch = awaited[flag] + 1;
  for (uint32_t from = 0; from < ranks; ++from) {
    const uint64_t word = flagAt(communicator->rank(), flag, from, epoch).word.load(std::memory_order_relaxed);
    if (uint16_t(word >> 8) != activity)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} and rank {} are in different calls; all ranks must make the same collective "
                                "calls in the same order",
                                communicator->rank(), from));
  }
  awaited[flag] = epoch;
  return true;
}

std::string SignalBoard::missing(uint32_t flag) const {
  std::string list;
  for (uint32_t from = 0; from < ranks; ++from)
    if (!raisedBy(flag, from))
      list += fmt::format("{}{}", list.empty() ? "" : ", ", from);
  return list;
}

SignalBoard::Waiter::Waiter(SignalBoard &board) : board(&board), start(Clock::now()), lastCheck(start) {}

Status SignalBoard::Waiter::pause(const std::string &what) {
  if (++spins < board->spinLimit) {
    pauseCore();
    return Status::ok();
  }
  // From here on: look after failed ranks and the deadline every few milliseconds, sleep in between.
  constexpr auto Slice = std::chrono::milliseconds(5);
  const auto now = Clock::now();
  if (now - lastCheck >= Slice) {
    lastCheck = now;
    FARO_RETURN_IF_ERROR(board->communicator->check());
    if (now - start > board->communicator->timeout()) {
      std::string waiting;
      for (uint32_t flag = 0; flag < Flags; ++flag)
        if (board->raised[flag] > board->awaited[flag])
          waiting = board->missing(flag);
      return {FARO_DEADLINE_EXCEEDED,
              fmt::format("rank {} waited {:.1f} s in {} for rank {}", board->communicator->rank(),
                          std::chrono::duration<double>(now - start).count(), what, waiting)};
    }
  }
  Header &h = board->header(board->communicator->rank());
  h.sleeping.store(1);
  const uint32_t seen = h.bell.load();
  // Look once more now that wakers can see the sleeper.
  bool arrived = false;
  for (uint32_t flag = 0; flag < Flags; ++flag)
    arrived |= board->raised[flag] > board->awaited[flag] && board->complete(flag);
  if (!arrived)
    futexWait(&h.bell, seen, Slice);
  h.sleeping.store(0);
  return Status::ok();
}

Status SignalBoard::await(uint32_t flag, uint16_t activity, const std::string &what) {
  Waiter waiter(*this);
  while (true) {
    auto arrived = test(flag, activity);
    if (!arrived)
      return arrived.status();
    if (*arrived)
      return Status::ok();
    FARO_RETURN_IF_ERROR(waiter.pause(what));
  }
}

uint8_t SignalBoard::valueOf(uint32_t flag, uint32_t rank) const {
  return uint8_t(flagAt(communicator->rank(), flag, rank, awaited[flag]).word.load(std::memory_order_relaxed));
}

void SignalBoard::publishCounts(const std::vector<uint32_t> &counts, uint16_t activity) {
  const uint32_t set = uint32_t((raised[CountsFlag] + 1) % 2);
  for (uint32_t to = 0; to < ranks; ++to)
    std::memcpy(countsAt(to, set) + size_t(communicator->rank()) * counts.size(), counts.data(),
                counts.size() * sizeof(uint32_t));
  notify(CountsFlag, {activity, 0});
}

std::span<const uint32_t> SignalBoard::counts(uint32_t count) const {
  return {countsAt(communicator->rank(), uint32_t(awaited[CountsFlag] % 2)), size_t(ranks) * count};
}

} // namespace faro
