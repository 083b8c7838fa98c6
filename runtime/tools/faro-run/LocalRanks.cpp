#include "runtime/core/Thread.h"
#include "runtime/tools/faro-run/Progress.h"
#include "runtime/tools/faro-run/Rank.h"
#include "runtime/tools/faro-run/Supervisor.h"
#include "runtime/tools/faro-run/Watchdog.h"

#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace faro::run {

Outcome runThreads(const Setup &setup) {
  const auto failed = [](const Status &status) { return Outcome{status, 1, {}}; };
  const uint32_t ranks = setup.job.ranks();
  Expected<ProgressBoard> board = ProgressBoard::create(ranks);
  if (!board)
    return failed(board.status());
  auto communicators = Communicator::createLocal(ranks, setup.deadline.forWaits(), setup.job.topology.nodes());
  if (!communicators)
    return failed(communicators.status());

  std::vector<std::optional<Expected<RankResult>>> results(ranks);
  std::mutex mutex;
  std::condition_variable ended;
  uint32_t left = ranks;
  const auto watchdog = Watchdog::start(setup.deadline.end(), [&] {
    setup.fail({FARO_DEADLINE_EXCEEDED,
                fmt::format("not done after {:g} s (--timeout): {}", setup.options.timeout, board->describe())});
  });
  if (!watchdog)
    return failed(watchdog.status());

  std::vector<std::thread> threads;
  Status started = Status::ok();
  const auto work = [&](uint32_t rank) {
    // The communicator ends with its thread's work: the others' last calls may wait for that.
    std::shared_ptr<Communicator> communicator = std::move((*communicators)[rank]);
    communicator->endBy(setup.deadline.end());
    Expected<RankResult> result = runRank({setup.options, setup.job, *setup.inputs, communicator,
                                           setup.outputs.empty() ? -1 : setup.outputs[rank].fd(),
                                           setup.outputs.empty() ? "" : setup.outputs[rank].path(), board->slot(rank)});
    communicator.reset();
    const std::lock_guard lock(mutex);
    results[rank].emplace(std::move(result));
    if (--left == 0)
      ended.notify_all();
  };
  threads.reserve(ranks);
  for (uint32_t rank = 0; rank < ranks && started; ++rank) {
    auto thread = startThread(fmt::format("the thread of rank {} of {}", rank, ranks), [&, rank] { work(rank); });
    if (thread) {
      threads.push_back(std::move(*thread));
      continue;
    }
    started = {thread.status().code(),
               fmt::format("{}; use fewer --ranks, or --transport ucx", thread.status().message())};
    (*communicators)[rank]->abort(started);
    const std::lock_guard lock(mutex);
    left -= ranks - rank;
  }
  {
    ProgressLine line(*board, setup.options.repeat);
    std::unique_lock lock(mutex);
    while (left > 0)
      ended.wait_for(lock, std::min<std::chrono::milliseconds>(line.tick(), std::chrono::seconds(1)));
  }
  for (std::thread &thread : threads)
    thread.join();
  communicators->clear(); // of those that have none

  Outcome outcome;
  outcome.status = started;
  for (std::optional<Expected<RankResult>> &result : results)
    if (!result)
      continue; // it was not started
    else if (result->operator bool())
      outcome.results.push_back(std::move(**result));
    else if (outcome.status || explanatoryRank(result->status().code()) < explanatoryRank(outcome.status.code()))
      outcome.status = result->status();
  outcome.exitStatus = outcome.status ? 0 : 1;
  return outcome;
}

} // namespace faro::run
