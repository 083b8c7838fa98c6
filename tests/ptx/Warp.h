// The threads of a block that take an instruction together, as a GPU's do: 32 of them, as long as they are at the same
// place of the code.
#pragma once

#include "tests/ptx/Program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace faro::test::ptx {

constexpr uint32_t WarpThreads = 32;
/// Some of a warp's threads, a bit each.
using Lanes = uint32_t;

/// Calls `f(lane)` for each of them, the last first; as long as it gives true, if it gives anything.
template <typename F> bool eachLane(Lanes lanes, F f) {
  for (; lanes != 0; lanes ^= std::bit_floor(lanes)) {
    const auto lane = uint32_t(std::bit_width(lanes)) - 1;
    if constexpr (std::is_void_v<decltype(f(lane))>)
      f(lane);
    else if (!f(lane))
      return false;
  }
  return true;
}

class Warp {
public:
  /// Threads at the same place of the code.
  struct Group {
    size_t next = 0; ///< instruction
    Lanes lanes = 0;
    uint64_t steps = 0; ///< of each since it was last counted
  };

  Warp(const Function &function, uint32_t firstThread, uint32_t threads)
      : firstThread(firstThread), all(threads >= WarpThreads ? ~Lanes(0) : (Lanes(1) << threads) - 1) {
    file.reserve(function.file.size() * WarpThreads);
    for (const uint64_t value : function.file)
      file.insert(file.end(), WarpThreads, value);
  }

  void begin(uint32_t block, uint32_t blocks, uint32_t threads) {
    for (uint32_t lane = 0; lane < WarpThreads; ++lane) {
      row(ThreadInBlock)[lane] = firstThread + lane;
      row(ThreadsOfBlock)[lane] = threads;
      row(BlockInGrid)[lane] = block;
      row(BlocksOfGrid)[lane] = blocks;
    }
    steps = {};
    groups.assign(1, {0, all, 0});
    running = 0;
    meets = false;
  }
  bool isDone() const { return groups.empty(); }
  bool isTogether() const { return groups.size() <= 1; }

  /// What the lanes have in a place of their files.
  uint64_t *row(uint32_t place) { return &file[size_t(place) * WarpThreads]; }
  Lanes holding(uint32_t predicate) {
    Lanes found = 0;
    for (uint32_t lane = 0; lane < WarpThreads; ++lane)
      found |= Lanes(row(predicate)[lane] & 1) << lane;
    return found;
  }

  /// Whose turn it is: of groups that have parted, that which is furthest back, for the others to be met; but none for
  /// ever, as it may wait for what another does.
  void beginTurn() {
    turns = isTogether() || haveMet ? 0 : turns + 1;
    haveMet = isTogether();
    std::ranges::sort(groups, {}, &Group::next);
    running = turns % groups.size();
  }
  Group &group() { return groups[running]; }

  /// Some of the running group's lanes go on elsewhere.
  void part(Lanes lanes, size_t next) {
    if (lanes == group().lanes) {
      group().next = next;
      return;
    }
    group().lanes ^= lanes;
    groups.push_back({next, lanes, group().steps});
  }
  void end(Lanes lanes) {
    count(lanes, group().steps);
    group().lanes ^= lanes;
    if (group().lanes == 0) {
      groups.erase(groups.begin() + ptrdiff_t(running));
      haveMet = true;
      runTheLast();
    }
  }
  /// After a step of the running group, where there are others.
  void meet() {
    for (size_t i = 0; i < groups.size(); ++i)
      if (i != running && groups[i].next == group().next) {
        count(group().lanes, group().steps);
        count(groups[i].lanes, groups[i].steps);
        groups[i].lanes |= group().lanes;
        groups[i].steps = 0;
        groups.erase(groups.begin() + ptrdiff_t(running));
        haveMet = true;
        break;
      }
    if (haveMet || turns == 0)
      runTheLast();
  }

  /// The running group is where all of a block's threads meet. False: others of the warp are not, and go on first.
  bool arrive() {
    --group().next;
    if (!isTogether())
      meet();
    meets = isTogether();
    if (!meets)
      running = (running + 1) % groups.size();
    return meets;
  }
  /// All others are there, too.
  void goOn() {
    ++group().next;
    meets = false;
  }

  const uint32_t firstThread;
  bool meets = false;                           ///< has arrived where a block's threads meet, and waits
  std::array<uint64_t, WarpThreads> steps = {}; ///< of each lane, once it is done

private:
  void count(Lanes lanes, uint64_t many) {
    eachLane(lanes, [&](uint32_t lane) { steps[lane] += many; });
  }
  void runTheLast() {
    if (!groups.empty())
      running = size_t(std::ranges::min_element(groups, {}, &Group::next) - groups.begin());
  }

  const Lanes all;
  std::vector<uint64_t> file; // by place, then lane
  std::vector<Group> groups;
  size_t running = 0;
  uint64_t turns = 0; // in which nobody met
  bool haveMet = false;
};

} // namespace faro::test::ptx
