// What the ways of shuffling across nodes share: the wire, windows that the ranks of a node share, staging.
//
//   this file, edges      who sends what, and where it lies
//   wire, exchange        slices by UCX active messages, several on their way, other work in the pauses
//   way                   rows packed first, or slices as they are; the other work meanwhile
//   dispatch_ways         packed, or straight from the tokens to their places; each item, per rank or per node
//   combine_ways          the way back, with partial rows
//   raw_stream            the same deduped bytes and nothing else: the bound of a wire that nobody limits
//
// Inside a node all of them use the direct way: rows are stored to, and loaded from, where they belong.
#pragma once

#include "tests/bench/harness.h"
#include "tests/bench/memory.h"
#include "tests/bench/nodes/edges.h"
#include "tests/bench/nodes/exchange.h"
#include "tests/bench/shared_rows.h"

#include <memory>

namespace faro::bench {

/// Ranks of this rank's node, and all others.
std::vector<int> ranksOfNode(const Problem &problem);
std::vector<int> ranksOfOtherNodes(const Problem &problem);

class NodesBench {
public:
  NodesBench(const Problem &problem, Control &control, Wire &wire, Direction direction);

  const Problem &problem;
  Control &control;
  Wire &wire;
  const Direction direction;
  const size_t bytes; ///< of a row
  RowMap map;
  SharedRows rows; ///< of the experts of each rank of this node
  Buffer sent, arrived;
  /// Short-lived slots: `sliceRows` rows each, one for each slice that may be under way, and one that is being filled.
  Buffer slots;
  size_t slotBytes() const { return size_t(problem.options.sliceRows) * bytes; }
  char *slot(int i) { return slots.data() + size_t(i) * slotBytes(); }

  char *finalRow(const Target &t) const { return rows.of(t.rank) + t.row * bytes; }
  /// In this bench's direction.
  const Traffic &traffic(Dedupe dedupe);
  /// Of so many rows; what becomes of them is the caller's to fill in.
  Exchange exchangeOf(const Traffic &traffic) const;

  void wipe();
  void flush();

private:
  std::unique_ptr<Traffic> known[3]; // by Dedupe
};

/// Which slots are free. A slot is taken for a slice, and comes back when that is over.
class SlotPool {
public:
  explicit SlotPool(int count) {
    for (int i = count; i > 0; --i)
      unused.push_back(i - 1);
  }
  bool empty() const { return unused.empty(); }
  int take() {
    const int slot = unused.back();
    unused.pop_back();
    return slot;
  }
  void give(int slot) { unused.push_back(slot); }

private:
  std::vector<int> unused;
};

} // namespace faro::bench
