#include "runtime/engine/SignalBoard.h"

#include "runtime/core/Bootstrap.h" // nameRanks

#include <algorithm>
#include <climits>
#include <cstring>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace faro {

// One cache line for what the sleeper and its wakers share, one for each rank's flags.
struct alignas(64) SignalBoard::Header {
  std::atomic<uint32_t> bell;     // the futex: changes when somebody rings
  std::atomic<uint32_t> sleeping; // Sleep: whether ringing is worth a system call, or a message
  std::atomic<uint64_t> arrived[Flags];
};

namespace {
/// Where a rank sleeps, and so how to wake it.
enum Sleep : uint32_t { Awake = 0, OnFutex = 1, OnWire = 2 };
} // namespace

struct SignalBoard::Flag {
  // Epoch (16 bits) | plan (24) | activity (16) | value (8). A word is overwritten two epochs later, so the epoch's low
  // bits tell it from its predecessor.
  std::atomic<uint64_t> word;
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free,
              "shared between processes");

static constexpr size_t FlagLine = 128; // of one source: two words for each flag
static_assert(2 * SignalBoard::Flags * sizeof(uint64_t) <= FlagLine);

static constexpr size_t LetterBytes = 4096; // holds the key of a region in one go
static constexpr size_t LetterText = LetterBytes - sizeof(uint64_t);

static uint64_t wordOf(uint64_t epoch, uint32_t plan, SignalTag tag) {
  return epoch << 48 | uint64_t(plan) << 24 | uint64_t(tag.activity) << 8 | tag.value;
}
static uint16_t epochOf(uint64_t word) { return uint16_t(word >> 48); }
static uint32_t planOf(uint64_t word) { return uint32_t(word >> 24) & 0xffffff; }
static uint16_t activityOf(uint64_t word) { return uint16_t(word >> 8); }

static void futexWait(std::atomic<uint32_t> *word, uint32_t seen, std::chrono::nanoseconds limit) {
  const timespec timeout{time_t(limit.count() / 1000000000), long(limit.count() % 1000000000)};
  // Not FUTEX_PRIVATE: the word is in memory that processes share. Every reason to return is handled by looking again.
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(word), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

static void futexWake(std::atomic<uint32_t> *word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

SignalBoard::SignalBoard(std::shared_ptr<Communicator> c)
    : communicator(std::move(c)), node(nodeRanks(*communicator)),
      me(communicator->topology().localIndex(communicator->rank())), acrossNodes(communicator->topology().nodes() > 1) {
  cpu_set_t cores;
  const bool known = sched_getaffinity(0, sizeof cores, &cores) == 0;
  crowded = !known || uint32_t(CPU_COUNT(&cores)) < communicator->machineRanks();
  // A core for every rank: what is awaited is under way on another core, and a few microseconds of looking are cheaper
  // than sleeping. Fewer: the core is needed by the rank that is awaited. Across nodes every look asks the wire, which
  // is system calls: 50 of them are as long as 4000 elsewhere.
  spinLimit = acrossNodes ? 50 : crowded ? 8 : 4000;
}

Expected<std::unique_ptr<SignalBoard>> SignalBoard::create(std::shared_ptr<Communicator> communicator,
                                                           const std::vector<uint64_t> &sharedOfLocal) {
  std::unique_ptr<SignalBoard> board(new SignalBoard(communicator));
  std::vector<uint64_t> sizes;
  for (const uint64_t shared : sharedOfLocal)
    sizes.push_back(sizeof(Header) + board->ranks() * FlagLine + 2 * LetterBytes + shared);
  auto memory = SymmetricMemory::create(communicator, sizes, gatherOverJob(communicator), "signal board");
  if (!memory)
    return memory.status();
  board->memory = std::move(*memory);
  return board;
}

SignalBoard::Header &SignalBoard::header(uint32_t local) const { return *reinterpret_cast<Header *>(boardOf(local)); }

SignalBoard::Flag &SignalBoard::flagAt(uint32_t board, uint32_t flag, uint32_t from, uint64_t epoch) const {
  return reinterpret_cast<Flag *>(boardOf(board) + sizeof(Header) + from * FlagLine)[2 * flag + epoch % 2];
}

std::byte *SignalBoard::letterOf(uint32_t local, uint64_t epoch) const {
  return boardOf(local) + sizeof(Header) + ranks() * FlagLine + (epoch % 2) * LetterBytes;
}

std::byte *SignalBoard::sharedOf(uint32_t rank) const {
  return letterOf(communicator->topology().localIndex(rank), 0) + 2 * LetterBytes;
}

bool SignalBoard::raisedBy(uint32_t flag, uint32_t from) const {
  const uint64_t epoch = awaited[flag] + 1;
  return epochOf(flagAt(me, flag, from, epoch).word.load(std::memory_order_acquire)) == uint16_t(epoch);
}

/// The counter is a cheap first look: it may be too high while one rank is an epoch ahead and another's arrival is
/// still on its way, so each rank's own word decides.
bool SignalBoard::complete(uint32_t flag) const {
  if (header(me).arrived[flag].load() < (awaited[flag] + 1) * ranks())
    return false;
  for (uint32_t from = 0; from < ranks(); ++from)
    if (!raisedBy(flag, from))
      return false;
  return true;
}

void SignalBoard::notify(uint32_t flag, SignalTag tag) {
  const uint64_t epoch = ++raised[flag];
  const uint64_t word = wordOf(epoch, plan, tag);
  // Starting behind oneself spreads the stores of all ranks over all boards.
  for (uint32_t i = 1; i <= ranks(); ++i) {
    const uint32_t to = (me + i) % ranks();
    Header &h = header(to);
    // Release: rows and counts written before are visible to whoever sees the flag. (Streaming stores were fenced by
    // the kernel that made them.)
    flagAt(to, flag, me, epoch).word.store(word, std::memory_order_release);
    // Sequentially consistent, as is the sleeper's store to `sleeping` before it looks at `arrived`: either this rank
    // sees the sleeper, or the sleeper sees the arrival.
    const uint64_t arrivals = h.arrived[flag].fetch_add(1) + 1;
    // Only the last one of an epoch rings: the others would wake the sleeper for nothing.
    const uint32_t sleep = arrivals >= epoch * ranks() ? h.sleeping.load() : Awake;
    if (sleep == OnFutex) {
      h.bell.fetch_add(1);
      futexWake(&h.bell);
    } else if (sleep == OnWire && doorbell) {
      doorbell(node[to]);
    }
  }
}

static Status differentCalls(uint32_t one, uint32_t other) {
  return {FARO_INVALID_ARGUMENT, fmt::format("rank {} and rank {} are in different calls; all ranks must make the same "
                                             "collective calls in the same order",
                                             one, other)};
}

/// Whether it has raised a flag that this rank has not, and in another call.
bool SignalBoard::isElsewhere(uint32_t from, uint16_t activity) const {
  for (uint32_t flag = 0; flag < Flags; ++flag) {
    const uint64_t epoch = raised[flag] + 1, word = flagAt(me, flag, from, epoch).word.load(std::memory_order_acquire);
    if (epochOf(word) == uint16_t(epoch) && activityOf(word) != activity)
      return true;
  }
  return false;
}

Status SignalBoard::checkCalls() const {
  for (uint32_t flag = 0; flag < Flags; ++flag) {
    if (!outstanding(flag))
      continue;
    const uint64_t own = flagAt(me, flag, me, raised[flag]).word.load(std::memory_order_relaxed);
    for (uint32_t from = 0; from < ranks(); ++from)
      // Asked last: whoever is in a later call has raised this flag before, which is then seen.
      if (isElsewhere(from, activityOf(own)) && !raisedBy(flag, from))
        return differentCalls(node[me], node[from]);
  }
  return Status::ok();
}

Expected<bool> SignalBoard::test(uint32_t flag, uint16_t activity) {
  if (!complete(flag))
    return false;
  const uint64_t epoch = awaited[flag] + 1;
  for (uint32_t from = 0; from < ranks(); ++from) {
    const uint64_t word = flagAt(me, flag, from, epoch).word.load(std::memory_order_relaxed);
    if (activityOf(word) != activity)
      return differentCalls(node[me], node[from]);
    if (planOf(word) != plan)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} and rank {} make the same call with plans of different batches; all ranks "
                                "must give the plan of the same prepare",
                                node[me], node[from]));
  }
  awaited[flag] = epoch;
  return true;
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
  const uint32_t from = communicator->topology().localIndex(rank);
  return uint8_t(flagAt(me, flag, from, awaited[flag]).word.load(std::memory_order_relaxed));
}

/// Each round, everybody puts a piece into its own board and reads the others'. Two letters alternate with the epochs
/// of the flag, for the same reason as its words.
Expected<std::vector<Bytes>> SignalBoard::gather(const Bytes &mine, uint16_t activity, const char *what) {
  std::vector<Bytes> all(ranks());
  uint64_t longest = 0, done = 0;
  do {
    const uint64_t epoch = raised[MeetFlag] + 1, total = mine.size();
    std::byte *letter = letterOf(me, epoch);
    std::memcpy(letter, &total, sizeof total);
    if (done < total)
      std::memcpy(letter + sizeof total, mine.data() + done, std::min<uint64_t>(LetterText, total - done));
    notify(MeetFlag, {activity, 0});
    FARO_RETURN_IF_ERROR(await(MeetFlag, activity, what));
    for (uint32_t from = 0; from < ranks(); ++from) {
      const std::byte *text = letterOf(from, epoch);
      uint64_t size;
      std::memcpy(&size, text, sizeof size);
      longest = std::max(longest, size);
      if (done < size)
        all[from].insert(all[from].end(), text + sizeof size,
                         text + sizeof size + std::min<uint64_t>(LetterText, size - done));
    }
    done += LetterText;
  } while (done < longest);
  return all;
}

std::vector<uint32_t> SignalBoard::missing(uint32_t flag) const {
  std::vector<uint32_t> absent;
  for (uint32_t from = 0; from < ranks(); ++from)
    if (!raisedBy(flag, from))
      absent.push_back(node[from]);
  return absent;
}

/// The longest sleep on the node's bell while the wire has nobody else to keep it going.
constexpr Nanoseconds WireSleep = std::chrono::microseconds(200);

Status SignalBoard::sleep(Nanoseconds limit) {
  bool flags = false;
  for (uint32_t flag = 0; flag < Flags; ++flag)
    flags |= outstanding(flag);
  // A rank of the node can only be waited for by a flag that this one has raised before. Else it is the wire.
  if (!flags && acrossNodes)
    return communicator->sleep(limit);

  // With a doorbell flags come over the wire too, so one sleep is enough for both.
  const bool onWire = acrossNodes && doorbell;
  Header &h = header(me);
  h.sleeping.store(onWire ? OnWire : OnFutex);
  const uint32_t seen = h.bell.load();
  // Look once more now that wakers can see the sleeper.
  bool arrived = false;
  for (uint32_t flag = 0; flag < Flags; ++flag)
    arrived |= outstanding(flag) && complete(flag);
  Status status;
  if (!arrived && onWire)
    status = communicator->sleep(limit);
  else if (!arrived)
    futexWait(&h.bell, seen, acrossNodes ? WireSleep : limit);
  h.sleeping.store(Awake);
  return status;
}

} // namespace faro
