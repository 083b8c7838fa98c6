// What the owner of tokens tells a forwarder before it can sum for them. A message holds rows of one flow; a flow may
// need many, from several owners, and the forwarder sums in the order in which they come: each sum carries its own
// return place, so no order is needed.
//
//   AskHeader | AskRow[rows] | AskItem[items]      a row's items in the order of k
#pragma once

#include <cstdint>

namespace faro {

struct AskHeader {
  uint64_t call;
  uint64_t plan; ///< hash of the owner's plan
  uint32_t activity;
  uint32_t rail; ///< the rank of the owner's node that takes the sums back
  uint32_t rows, items;
};

struct AskRow {
  uint32_t partialRow; ///< of the owner's partial window
  uint32_t items;
};

struct AskItem {
  uint32_t local; ///< on the forwarder's node
  uint32_t row;
  float weight;
};

/// Small enough not to hold up slices on the wire, large enough to be few.
constexpr uint64_t AskBytes = 32 << 10;

} // namespace faro
