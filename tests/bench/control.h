// The ranks of a run among themselves: set-up, barriers, sums of a few numbers. No payload goes this way, and all
// methods of a run use the same barrier.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace faro::bench {

/// All calls are collective and in the same order on all ranks. A rank that is lost ends the job.
class Control {
public:
  Control(int myRank, int worldSize) : rank(myRank), ranks(worldSize) {}
  virtual ~Control() = default;
  Control(const Control &) = delete;
  Control &operator=(const Control &) = delete;

  const int rank, ranks;

  virtual void barrier() = 0;
  /// Everybody's text, by rank.
  virtual std::vector<std::string> allgather(const std::string &mine) = 0;

  /// The largest, or the sum, over all ranks.
  virtual double largest(double mine);
  virtual uint64_t total(uint64_t mine);
  /// What rank 0 says.
  std::string fromRankZero(const std::string &mine) { return allgather(rank == 0 ? mine : "")[0]; }
};

} // namespace faro::bench
