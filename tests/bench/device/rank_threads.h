// Ranks as threads of this process: all of them do the same thing, again and again.
#pragma once

#include <barrier>
#include <functional>
#include <thread>
#include <vector>

namespace faro::bench {

class RankThreads {
public:
  explicit RankThreads(size_t ranks);
  ~RankThreads();
  RankThreads(const RankThreads &) = delete;
  RankThreads &operator=(const RankThreads &) = delete;

  using Work = std::function<void(size_t rank)>;
  /// All ranks at once. Milliseconds of the slowest, by the host's clock, from when all were there.
  double run(const Work &work);
  /// Within their work: until all are here.
  void meet() { threadsIn.arrive_and_wait(); }

private:
  void beRankThread(size_t rank);

  std::vector<double> took;       ///< milliseconds, by rank
  const Work *work = nullptr;     ///< none: the end
  std::barrier<> turn, threadsIn; ///< of the threads with their owner, and among themselves
  std::vector<std::thread> threads;
};

} // namespace faro::bench
