// What one batch moves: the descriptors of the shuffle, as found from the ranks' counts.
#pragma once

#include "runtime/abi/faro_abi.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace faro {

/// What the number of a row, or of an item, can be.
constexpr uint64_t MaxRows = std::numeric_limits<uint32_t>::max();

/// The final place of an item: a row of a rank's window.
struct Place {
  uint32_t rank;
  uint32_t row;
};

/// Adjacent rows.
struct RowRun {
  uint64_t first, count;
};

class Plan {
public:
  const faro_abi_program *program = nullptr; ///< the dispatch it was made for
  int64_t tokens = 0;
  int64_t receivedRows = 0; ///< of this rank, padding included

  // Token t's items, in the order of k and without the dropped ones, are offsets[t] .. offsets[t + 1].
  std::vector<uint32_t> offsets; ///< tokens + 1
  std::vector<Place> places;     ///< an item's row
  std::vector<uint32_t> choices; ///< an item's index t x topk + k

  std::vector<uint64_t> rowsOfRank;   ///< every rank's window, padding included
  std::vector<RowRun> padding;        ///< of this rank's window
  std::vector<int64_t> expertOffsets; ///< local experts + 1, or empty
  std::vector<int64_t> expertCounts;  ///< local experts
};

} // namespace faro
