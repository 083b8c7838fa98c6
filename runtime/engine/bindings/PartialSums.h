// This rank's tokens, summed from partial rows in the order of nodes and with weights 1: the last step of a combine
// across nodes. This node's share of a token is summed just before, and is still in the cache when it is added; other
// nodes' partial rows lie in a slot or in this rank's partial window. Two stages of a run sum: `settle` the tokens
// whose last row is in a slot that arrived, `pull` what is left in the end.
#pragma once

#include "runtime/engine/bindings/Bindings.h"

namespace faro {

class PartialSums {
public:
  /// The context must outlive it.
  PartialSums(const RunContext &, const Combined &);

  /// A row of this rank's partial window that lies in a slot, where kernels see it.
  struct InSlot {
    uint32_t row;
    uint64_t address;
  };
  /// Sums the tokens that these rows complete, and some that are complete without them. The slot is not read when the
  /// kernels that this launches are done.
  Status sumInSlot(const faro_abi_stage &, std::span<const InSlot>);
  /// Whether a row that arrived is to be stored in the window, and is there from now on; false: its token is summed.
  bool stores(uint32_t row);
  /// Sums a grain of what is left, when all rows are in the window: other ranks of the node stored some. True when
  /// nothing is left.
  Expected<bool> sumRest(const faro_abi_stage &);

private:
  bool isReady(int64_t token) const;
  int64_t endOfRun(int64_t begin, int64_t most, bool rest) const;
  void passSummed();
  Status sum(const faro_abi_stage &, int64_t begin, int64_t end);
  Expected<const std::byte *> sumShares(const faro_abi_stage &, int64_t begin, int64_t end);

  const RunContext &run;
  Combined combined;
  uint64_t stride;             ///< of partial rows
  uint64_t window;             ///< where this rank's partial rows are stored
  int64_t grain;               ///< tokens
  std::vector<uint64_t> rowAt; ///< by partial row: where it is; 0: not here, or another rank stored it
  std::vector<bool> summed;    ///< by token
  std::vector<uint64_t> bases; ///< of result rows, by local index
  int64_t first = 0;           ///< all tokens before it are summed
};

} // namespace faro
