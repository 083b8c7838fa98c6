// Ranks as threads of this process, each with a session on the device.
#pragma once

#include "faro/session.h"
#include "tests/bench/device/gpu.h"
#include "tests/bench/device/rank_threads.h"
#include "tests/bench/problem.h"

namespace faro::bench {

class SessionRanks {
public:
  /// Of all ranks. Both must outlive it. What fails, here and later, ends the process with one message.
  SessionRanks(const Gpu &gpu, const std::vector<Problem> &problems);
  ~SessionRanks();
  SessionRanks(const SessionRanks &) = delete;
  SessionRanks &operator=(const SessionRanks &) = delete;

  using Work = std::function<void(size_t rank, Session &)>;
  /// As of RankThreads.
  double run(const Work &work);

  /// Session::prepare with each rank's routing; the time as of run.
  double prepare();
  const std::shared_ptr<const Plan> &plan(size_t rank) const { return plans[rank]; }
  /// The same by one rank, as part of its work: of a topk_idx in host memory.
  const std::shared_ptr<const Plan> &prepare(size_t rank, Session &session, const int64_t *topkIdx);

private:
  const Gpu &gpu;
  const std::vector<Problem> &problems;
  std::vector<std::vector<int64_t>> topk; ///< topk_idx, by rank
  std::vector<std::shared_ptr<const Plan>> plans;
  std::vector<std::shared_ptr<Communicator>> communicators;
  std::vector<std::unique_ptr<Session>> sessions;
  RankThreads threads;
};

/// The time of `call`; with warm caches of its second run.
inline double timedCall(const std::vector<Problem> &problems, const std::function<double()> &call) {
  if (!problems.front().options.coldCaches)
    call();
  return call();
}

} // namespace faro::bench
