#include "runtime/tools/faro-run/Progress.h"
#include "runtime/tools/faro-run/Say.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace faro::run {

namespace {
using namespace std::chrono_literals;
constexpr auto Patience = 2s; // shorter work needs no progress
constexpr auto TerminalPeriod = 200ms;
constexpr auto LogPeriod = 5s;
} // namespace

const char *phaseName(Phase phase) {
  switch (phase) {
  case Phase::Starting:
    return "starting";
  case Phase::Loading:
    return "loading the program";
  case Phase::Connecting:
    return "connecting";
  case Phase::ReadingInput:
    return "reading input";
  case Phase::SettingUp:
    return "setting up the shuffle";
  case Phase::Preparing:
    return "preparing";
  case Phase::Dispatching:
    return "dispatching";
  case Phase::Experts:
    return "running experts";
  case Phase::Combining:
    return "combining";
  case Phase::Expecting:
    return "computing what to expect";
  case Phase::Verifying:
    return "verifying";
  case Phase::Writing:
    return "writing output";
  case Phase::Finishing:
    return "finishing";
  case Phase::Done:
    return "done";
  }
  return "unknown";
}

Expected<ProgressBoard> ProgressBoard::map(int fd, uint32_t ranks) {
  void *memory = ::mmap(nullptr, ranks * sizeof(ProgressSlot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    ::close(fd);
    return Status(FARO_UNAVAILABLE, fmt::format("cannot map the progress board: {}", std::strerror(error)));
  }
  return ProgressBoard(fd, ranks, static_cast<ProgressSlot *>(memory));
}

Expected<ProgressBoard> ProgressBoard::create(uint32_t ranks) {
  const int fd = ::memfd_create("faro-run-progress", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, off_t(ranks * sizeof(ProgressSlot))) != 0) {
    const int error = errno;
    if (fd >= 0)
      ::close(fd);
    return Status(FARO_UNAVAILABLE, fmt::format("cannot make the progress board: {}", std::strerror(error)));
  }
  Expected<ProgressBoard> board = map(fd, ranks);
  if (board)
    for (uint32_t rank = 0; rank < ranks; ++rank)
      new (&board->slot(rank)) ProgressSlot;
  return board;
}

Expected<ProgressBoard> ProgressBoard::open(int fd, uint32_t ranks) { return map(fd, ranks); }

ProgressBoard::ProgressBoard(ProgressBoard &&other) noexcept
    : fd_(other.fd_), ranks_(other.ranks_), slots_(other.slots_) {
  other.fd_ = -1;
  other.slots_ = nullptr;
}

ProgressBoard::~ProgressBoard() {
  if (slots_)
    ::munmap(slots_, ranks_ * sizeof(ProgressSlot));
  if (fd_ >= 0)
    ::close(fd_);
}

std::string ProgressBoard::describe() const {
  std::map<uint32_t, std::vector<uint32_t>> ranksIn;
  for (uint32_t rank = 0; rank < ranks_; ++rank)
    ranksIn[slot(rank).phase.load(std::memory_order_relaxed)].push_back(rank);
  std::string text;
  for (const auto &[phase, ranks] : ranksIn) {
    std::string who;
    if (ranks.size() == ranks_ && ranks_ > 1) {
      who = "all ranks";
    } else if (ranks.size() > 8) {
      who = fmt::format("{} ranks", ranks.size());
    } else {
      who = ranks.size() == 1 ? "rank " : "ranks ";
      for (size_t i = 0; i < ranks.size(); ++i)
        who += fmt::format("{}{}", i == 0 ? "" : i + 1 == ranks.size() ? " and " : ", ", ranks[i]);
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", who, phaseName(Phase(phase)));
  }
  return text;
}

ProgressLine::ProgressLine(const ProgressBoard &board, uint32_t repeats)
    : board_(board), repeats_(repeats), terminal_(::isatty(STDERR_FILENO)), next_(begin_ + Patience) {}

std::chrono::milliseconds ProgressLine::tick() {
  const Clock::time_point now = Clock::now();
  if (now >= next_) {
    uint32_t slowest = UINT32_MAX;
    for (uint32_t rank = 0; rank < board_.ranks(); ++rank)
      slowest = std::min(slowest, board_.slot(rank).repeat.load(std::memory_order_relaxed));
    const std::string repeat = repeats_ > 1 ? fmt::format("repeat {} of {}: ", slowest + 1, repeats_) : std::string();
    const std::string line = fmt::format(
        "faro-run: {:.0f} s, {}{}", std::chrono::duration<double>(now - begin_).count(), repeat, board_.describe());
    say("{}{}", line, terminal_ ? "" : "\n");
    lineIsDrawn = terminal_;
    next_ = now + (terminal_ ? Clock::duration(TerminalPeriod) : Clock::duration(LogPeriod));
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(next_ - now) + 1ms;
}

void ProgressLine::clear() {
  if (lineIsDrawn)
    say("");
}

} // namespace faro::run
