// This rank's tokens, summed from the rows of its partial window in the order of nodes and with weights 1: the last
// step of a combine across nodes. In ascending order of tokens, by two stages of a run: `settle` goes as far as rows
// are there, `pull` to the end.
#pragma once

#include "runtime/engine/RunContext.h"

namespace faro {

class PartialSums {
public:
  /// The context must outlive it.
  PartialSums(const RunContext &, Rows out);

  /// This rank has stored a row of its own partial window that came from another node.
  void stored(uint32_t partialRow) {
    if (partialRow >= shares)
      arrived[partialRow - shares] = true;
  }
  /// Sums a grain of tokens, up to the first of which a row is not stored, or not known to be: other ranks of the node
  /// store some. The shares must be in the window.
  void sumStored(const faro_abi_stage &stage);
  /// Sums a grain of what is left, when all rows are in the window. True when nothing is left.
  bool sumRest(const faro_abi_stage &stage);

private:
  bool isComplete(int64_t token) const;
  void sum(const faro_abi_stage &stage, bool rest);

  const RunContext &run;
  Rows out;
  uint64_t stride;
  uint32_t shares;
  std::vector<bool> arrived; ///< by remote row
  int64_t token = 0;         ///< the first that is not summed
};

} // namespace faro
