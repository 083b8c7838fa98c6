#include "tests/bench/device/rank_threads.h"

#include "tests/bench/require.h"

#include <algorithm>
#include <chrono>

namespace faro::bench {

RankThreads::RankThreads(size_t ranks) : took(ranks), turn(ptrdiff_t(ranks) + 1), threadsIn(ptrdiff_t(ranks)) {
  for (size_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back(&RankThreads::beRankThread, this, rank);
}

RankThreads::~RankThreads() {
  work = nullptr;
  turn.arrive_and_wait();
  for (std::thread &thread : threads)
    thread.join();
}

double RankThreads::run(const Work &given) {
  work = &given;
  turn.arrive_and_wait(); // they begin
  turn.arrive_and_wait(); // they are done
  return *std::max_element(took.begin(), took.end());
}

void RankThreads::beRankThread(size_t rank) {
  beRank(int(rank));
  while (true) {
    turn.arrive_and_wait();
    if (!work)
      return;
    meet();
    const auto start = std::chrono::steady_clock::now();
    (*work)(rank);
    took[rank] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    turn.arrive_and_wait();
  }
}

} // namespace faro::bench
