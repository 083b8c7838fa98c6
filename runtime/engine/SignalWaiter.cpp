// How ranks wait for flags: look, spin briefly, offer the core to others, then sleep, and look after the others now and
// then.
#include "runtime/core/Bootstrap.h" // nameRanks
#include "runtime/engine/SignalBoard.h"

#include <algorithm>
#include <fmt/format.h>
#include <sched.h>

namespace faro {

static void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// From the first look on: look after failed ranks and the deadline this often, sleep in between.
constexpr auto LookEvery = std::chrono::milliseconds(5);
/// Where ranks outnumber cores, those that are awaited may be ready to run on this very core: to let them takes a
/// microsecond, to sleep and be woken several. No longer than this: a rank that sleeps leaves its core to ranks that
/// wait for another core, while one that comes back again and again looks like work itself.
/// With a core for each rank only others would take the offer, and keep it for milliseconds.
constexpr auto YieldFor = std::chrono::microseconds(100);
/// How much of the time between two looks counts as waiting.
constexpr auto AwayAtMost = std::chrono::seconds(1);
/// How long what a rank sent over the wire before it left may still be on its way.
constexpr auto WireGrace = std::chrono::seconds(1);

SignalBoard::Waiter::Waiter(SignalBoard &board, Absent absent)
    : board(&board), absent(std::move(absent)), start(Clock::now()), lastCheck(start) {}

std::vector<uint32_t> SignalBoard::Waiter::missing() const {
  if (absent)
    return absent();
  std::vector<uint32_t> ranks;
  for (uint32_t flag = 0; flag < Flags; ++flag)
    if (board->outstanding(flag))
      for (const uint32_t rank : board->missing(flag))
        if (std::find(ranks.begin(), ranks.end(), rank) == ranks.end())
          ranks.push_back(rank);
  return ranks;
}

Status SignalBoard::Waiter::lookAfterPeers(const std::string &what, Clock::time_point now) {
  Communicator &communicator = *board->communicator;
  FARO_RETURN_IF_ERROR(communicator.check());
  FARO_RETURN_IF_ERROR(board->checkCalls());
  const uint32_t rank = communicator.rank();

  // Who has left before we look raised its flags before that, so a flag that is not there now never will be. What it
  // put on the wire may take a little longer.
  std::vector<uint32_t> left;
  for (uint32_t peer = 0; peer < communicator.size(); ++peer)
    if (communicator.hasLeft(peer))
      left.push_back(peer);
  if (left.empty())
    return Status::ok();
  std::vector<uint32_t> gone = missing();
  std::erase_if(gone, [&](uint32_t peer) { return std::find(left.begin(), left.end(), peer) == left.end(); });
  if (gone.empty())
    return Status::ok();
  if (!leftSeen)
    leftSeen = now;
  const bool near =
      std::ranges::any_of(gone, [&](uint32_t peer) { return communicator.topology().sameNode(peer, rank); });
  if (!near && now - *leftSeen <= WireGrace)
    return Status::ok();
  return {FARO_PEER_FAILED, fmt::format("{} left the job, but rank {} waits in {}", nameRanks(gone), rank, what)};
}

Status SignalBoard::Waiter::lookAtDeadline(const std::string &what) const {
  const auto now = Clock::now();
  if (now - start <= board->communicator->timeout())
    return Status::ok();
  const auto ranks = missing();
  return {FARO_DEADLINE_EXCEEDED,
          fmt::format("rank {} waited {:.1f} s in {} for {}", board->communicator->rank(), seconds(), what,
                      !ranks.empty()       ? nameRanks(ranks)
                      : board->acrossNodes ? "what comes from other nodes"
                                           : "a flag that nobody raises")};
}

Status SignalBoard::Waiter::look(const std::string &what) {
  const auto now = Clock::now();
  if (now - lastCheck < LookEvery)
    return Status::ok();
  if (now - lastCheck > AwayAtMost)
    start += now - lastCheck - AwayAtMost;
  lastCheck = now;
  return lookAfterPeers(what, now);
}

Status SignalBoard::Waiter::pause(const std::string &what) {
  const bool busy = board->acrossNodes && board->communicator->progress() > 0;
  if (!busy && ++spins < board->spinLimit) {
    pauseCore();
    return Status::ok();
  }
  const auto now = Clock::now();
  if (board->crowded && !board->acrossNodes && now - start < YieldFor) {
    sched_yield();
    return Status::ok();
  }
  if (now - lastCheck >= LookEvery) {
    lastCheck = now;
    FARO_RETURN_IF_ERROR(lookAfterPeers(what, now));
    FARO_RETURN_IF_ERROR(lookAtDeadline(what));
  }
  return busy ? Status::ok() : board->sleep(LookEvery);
}

} // namespace faro
