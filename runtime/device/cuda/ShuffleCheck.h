// FARO_CHECK=1: is what kernels planned what the host would have planned?
//
//   keep, behind the plan's kernels    topk_idx, tokens and the board of counts, copied on the device
//   compare, when the stream is done   makePlan(these) = the lists, the rows of all ranks, expert offsets and counts?
//
// Each rank checks its own plan by itself, so replays of a captured graph are checked, too. That others were told the
// same counts as this rank is not looked at.
#pragma once

#include "runtime/device/cuda/PlanMemory.h"

namespace faro::cuda {

class ShuffleCheck {
public:
  /// For batches of at most `mostTokens` rows. The program and the memory must live longer. OUT_OF_MEMORY.
  static Expected<std::unique_ptr<ShuffleCheck>> create(std::shared_ptr<const Device>, const faro_abi_program &,
                                                        ExpertMap, const PlanMemory &, int64_t mostTokens);

  /// Puts copies of what a plan is made of into the stream: behind its kernels, and before ranks meet, for then peers
  /// may write counts of the next one. Arguments: as of DeviceShuffle::enqueuePlan.
  Status keep(Stream &, const int64_t *topkIdx, int64_t rows, const int64_t *tokens);

  /// INTERNAL, naming rank, token and choice, expert or rank, when the last plan that the stream has come by is not the
  /// host's. The stream must be done. A batch that was too large to be moved is right in any case.
  Status compare(Stream &) const;

private:
  struct Kept;
  ShuffleCheck(const faro_abi_program &p, ExpertMap m, const PlanMemory &of)
      : program(p), map(std::move(m)), plan(of) {}
  api::Pointer at(uint64_t offset) const { return memory.address() + offset; }
  uint64_t boardAt() const;
  Expected<Kept> read(Stream &) const;

  const faro_abi_program &program;
  const ExpertMap map;
  const PlanMemory &plan;
  Memory memory; ///< rows, tokens, topk_idx, the board
  uint64_t mostChoices = 0;
};

} // namespace faro::cuda
