// The bulk copies of a block (cp.async.bulk), each as late as it may be: a load when its mbarrier is awaited, a store's
// reading and its writing when its group is waited for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace faro::test::ptx {

struct BulkCopy {
  uint64_t global = 0, shared = 0, bytes = 0;
  std::vector<std::byte> taken; ///< of a store that has read
};

/// mbarrier: a phase is over when all have arrived and all bytes have come.
struct Barrier {
  uint64_t expected = 0, missing = 0; ///< arrivals, of each phase and still of this one
  int64_t bytes = 0;                  ///< expected, less those that came
  uint32_t phase = 0;
  std::vector<BulkCopy> loads; ///< on their way

  bool isOver() const { return missing == 0 && bytes == 0; }
  void next() {
    missing = expected;
    ++phase;
  }
};

struct BulkCopies {
  std::map<uint64_t, Barrier> barriers; ///< by their place in shared memory
  std::vector<BulkCopy> open;           ///< stores of no group yet
  std::deque<std::vector<BulkCopy>> groups;
  size_t read = 0; ///< so many of the groups have read

  bool isIdle() const {
    for (const auto &[place, barrier] : barriers)
      if (!barrier.loads.empty())
        return false;
    return open.empty() && groups.empty();
  }
};

} // namespace faro::test::ptx
