// This rank's tokens, summed from partial rows in the order of nodes and with weights 1: the last step of a combine
// across nodes. Other nodes' partial rows lie in this rank's partial window; this node's share of a token is summed
// just before, and is still in the cache when it is added. In ascending order of tokens, by two stages of a run:
// `settle` goes as far as rows are there, `pull` to the end.
#pragma once

#include "runtime/engine/bindings/Bindings.h"

namespace faro {

class PartialSums {
public:
  /// The context must outlive it.
  PartialSums(const RunContext &, const Combined &);

  /// This rank has stored a row of its own partial window.
  void stored(uint32_t partialRow) { arrived[partialRow] = true; }
  /// Sums a grain of tokens, up to the first of which a row is not stored, or not known to be: other ranks of the node
  /// store some.
  Status sumStored(const faro_abi_stage &);
  /// Sums a grain of what is left, when all rows are in the window. True when nothing is left.
  Expected<bool> sumRest(const faro_abi_stage &);

private:
  bool isComplete(int64_t token) const;
  Status sum(const faro_abi_stage &, bool rest);
  Expected<const std::byte *> sumShares(const faro_abi_stage &, int64_t begin, int64_t end);

  const RunContext &run;
  Combined combined;
  uint64_t stride;             ///< of partial rows
  std::vector<bool> arrived;   ///< by partial row
  std::vector<uint64_t> bases; ///< of result rows, by local index
  int64_t token = 0;           ///< the first that is not summed
};

} // namespace faro
