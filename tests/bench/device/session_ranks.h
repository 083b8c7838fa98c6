// Ranks as threads of this process, each with a session on the device.
#pragma once

#include "faro/session.h"
#include "tests/bench/device/gpu.h"
#include "tests/bench/problem.h"

#include <barrier>
#include <functional>
#include <thread>

namespace faro::bench {

class SessionRanks {
public:
  /// Of all ranks. Both must outlive it. What fails, here and later, ends the process with one message.
  SessionRanks(const Gpu &gpu, const std::vector<Problem> &problems);
  ~SessionRanks();
  SessionRanks(const SessionRanks &) = delete;
  SessionRanks &operator=(const SessionRanks &) = delete;

  using Work = std::function<void(size_t rank, Session &)>;
  /// All ranks at once. Milliseconds of the slowest, by the host's clock, from when all were there.
  double run(const Work &work);

  /// Session::prepare with each rank's routing; the time as of run.
  double prepare();
  const std::shared_ptr<const Plan> &plan(size_t rank) const { return plans[rank]; }

private:
  void beRankThread(size_t rank, std::shared_ptr<Communicator> communicator);

  const Gpu &gpu;
  const std::vector<Problem> &problems;
  std::vector<std::vector<int64_t>> topk; ///< topk_idx, by rank
  std::vector<std::shared_ptr<const Plan>> plans;
  std::vector<double> took;       ///< milliseconds, by rank
  const Work *work = nullptr;     ///< none: the end
  std::barrier<> turn, threadsIn; ///< of the threads with their owner, and among themselves
  std::vector<std::thread> threads;
};

} // namespace faro::bench
