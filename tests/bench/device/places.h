// Where the items of all ranks go, from the definition. On a device nobody's planning but this project's is timed, so
// the peers get theirs for nothing.
//
//   tokens of a rank ─► wire (destination, local expert, token, choice) ═► arrived (source, ...) ─► window
#pragma once

#include "tests/bench/problem.h"

namespace faro::bench {

/// The places of one item, each a row of a rank's memory.
struct ItemPlace {
  uint32_t rank = 0;    ///< of its expert
  uint32_t row = 0;     ///< there, in the window of the experts
  uint32_t arrived = 0; ///< there, as it comes off the wire
  uint32_t wire = 0;    ///< at its source, as it goes onto the wire
};

/// Rows that go from one rank to another together.
struct Segment {
  size_t source, target;
  uint32_t wire, arrived, rows; ///< the first row at either end, and how many
};

struct Places {
  explicit Places(const std::vector<Problem> &problems);
  std::vector<std::vector<ItemPlace>> items; ///< by source, then by token x topk + choice
  std::vector<Segment> segments;
  std::vector<size_t> arrivedRows; ///< by rank: without padding
};

/// Rows of zeros in a rank's window.
struct PaddingRun {
  size_t first, rows;
};
std::vector<PaddingRun> paddingOf(const Problem &problem);

} // namespace faro::bench
