#include "runtime/core/LocalBootstrap.h"

#include <fmt/format.h>

namespace faro {

Expected<bool> LocalBootstrap::wait(std::unique_lock<std::mutex> &lock, Clock::time_point deadline, const Idle &idle,
                                    const std::function<bool()> &done) {
  constexpr auto Slice = std::chrono::milliseconds(5);
  while (!done()) {
    if (!group_->failure)
      return group_->failure;
    const auto now = Clock::now();
    if (now >= deadline)
      return false;
    if (group_->changed.wait_until(lock, (deadline < now + Slice ? deadline : now + Slice)) ==
            std::cv_status::no_timeout ||
        !idle)
      continue;
    lock.unlock();
    const Status status = idle();
    lock.lock();
    FARO_RETURN_IF_ERROR(status);
  }
  return true;
}

Expected<std::vector<Bytes>> LocalBootstrap::allgather(const Bytes &mine, const char *what, Nanoseconds timeout,
                                                       const Idle &idle) {
  const auto deadline = Clock::now() + timeout;
  std::unique_lock lock(group_->mutex);
  FARO_RETURN_IF_ERROR(group_->failure);
  const auto fail = [&](faro_status code, const std::string &message) {
    if (group_->failure)
      group_->failure = Status(code, message);
    group_->changed.notify_all();
    return group_->failure;
  };

  for (uint32_t rank = 0; rank < group_->worldSize; ++rank)
    if (group_->left[rank])
      return fail(FARO_PEER_FAILED,
                  fmt::format("rank {} has left the job, but rank {} waits for it in '{}'", rank, rank_, what));
  if (!group_->gathering) {
    group_->gathering = std::make_shared<LocalGroup::Gathering>();
    group_->gathering->what = what;
    group_->gathering->parts.resize(group_->worldSize);
    group_->gathering->here.resize(group_->worldSize);
    group_->gathering->missing = group_->worldSize;
  }
  const std::shared_ptr<LocalGroup::Gathering> gathering = group_->gathering;
  if (gathering->what != what)
    return fail(FARO_INVALID_ARGUMENT,
                fmt::format("collective calls in different order: rank {} came to '{}' while others are in '{}'", rank_,
                            what, gathering->what));
  gathering->parts[rank_] = mine;
  gathering->here[rank_] = true;
  if (--gathering->missing == 0) {
    gathering->complete = true;
    group_->gathering.reset();
    group_->changed.notify_all();
  }
  const auto came = wait(lock, deadline, idle, [&] { return gathering->complete; });
  if (!came)
    return came.status();
  if (!*came) {
    std::vector<uint32_t> missing;
    for (uint32_t rank = 0; rank < group_->worldSize; ++rank)
      if (!gathering->here[rank])
        missing.push_back(rank);
    return fail(FARO_DEADLINE_EXCEEDED, fmt::format("{} of {} did not come to '{}' within {}", nameRanks(missing),
                                                    group_->worldSize, what, describe(timeout)));
  }
  return gathering->parts;
}

void LocalBootstrap::abort(const Status &why) {
  std::lock_guard lock(group_->mutex);
  if (group_->failure)
    group_->failure = Status(FARO_ABORTED, saidBy(rank_, why.message()));
  group_->changed.notify_all();
}

Status LocalBootstrap::check() {
  std::lock_guard lock(group_->mutex);
  return group_->failure;
}

bool LocalBootstrap::hasLeft(uint32_t rank) const {
  std::lock_guard lock(group_->mutex);
  return group_->left[rank];
}

void LocalBootstrap::leave(Nanoseconds, const Idle &) {
  // Nobody is waited for: memory that a peer has mapped outlives this rank, and one thread may own all the ranks.
  std::lock_guard lock(group_->mutex);
  group_->left[rank_] = true;
  if (group_->gathering && group_->failure)
    group_->failure = Status(FARO_PEER_FAILED, fmt::format("rank {} has left the job, but others wait for it in '{}'",
                                                           rank_, group_->gathering->what));
  group_->changed.notify_all();
}

} // namespace faro
