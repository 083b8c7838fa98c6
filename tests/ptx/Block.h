// The threads that share a block's memory, and meet.
#pragma once

#include "tests/ptx/BulkCopies.h"
#include "tests/ptx/Warp.h"

#include <algorithm>

namespace faro::test::ptx {

/// What memory holds that nobody has written.
constexpr std::byte Rubbish{0xee};

class Block {
public:
  Block(const Function &function, uint32_t threads) : shared(function.sharedBytes) {
    for (uint32_t first = 0; first < threads; first += WarpThreads)
      warps.emplace_back(function, first, std::min(threads - first, WarpThreads));
  }
  void begin(uint32_t it, uint32_t blocks, uint32_t threads) {
    number = it;
    for (Warp &each : warps)
      each.begin(number, blocks, threads);
    std::ranges::fill(shared, Rubbish);
    bulk = {};
    rests = false;
    acquired = epoch = 0;
  }
  bool isDone() const { return std::ranges::all_of(warps, &Warp::isDone); }

  /// If all threads are where they meet, they go on: with whether any of them said yes.
  bool meet(const Function &function) {
    uint64_t any = 0;
    for (Warp &each : warps) {
      if (each.isDone())
        continue;
      if (!each.meets)
        return false;
      const uint64_t *said = each.row(function.code[each.group().next].operands[2]);
      eachLane(each.group().lanes, [&](uint32_t lane) { any |= said[lane] & 1; });
    }
    for (Warp &each : warps) {
      if (each.isDone())
        continue;
      if (const uint32_t to = function.code[each.group().next].operands[0]; to != Nowhere)
        eachLane(each.group().lanes, [&](uint32_t lane) { each.row(to)[lane] = any; });
      each.goOn();
    }
    epoch = acquired;
    return true;
  }

  uint32_t number = 0;
  std::vector<Warp> warps;
  std::vector<std::byte> shared;
  BulkCopies bulk;       ///< groups are a thread's own: here one thread of a block copies
  bool rests = false;    ///< in the last round one of its threads did
  uint64_t acquired = 0; ///< the last word that one of its threads has read so
  uint64_t epoch = 0;    ///< the same, when they last met
};

} // namespace faro::test::ptx
