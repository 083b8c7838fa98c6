// Where the result rows lie that a combine reads.
#pragma once

#include "runtime/engine/RunContext.h"

#include <optional>

namespace faro {

/// The flag of an await that the stage comes behind; every flag of a combine says which window a rank's rows are in.
inline std::optional<uint32_t> findAwaited(const faro_abi_schedule &schedule, const faro_abi_stage &stage) {
  for (uint32_t i = 0; i < stage.after_count; ++i) {
    const faro_abi_stage &before = schedule.stages[stage.after[i]];
    if (before.op == FARO_ABI_STAGE_AWAIT)
      return before.flag;
    if (const auto earlier = findAwaited(schedule, before))
      return earlier;
  }
  return std::nullopt;
}
inline uint32_t awaitedFlag(const faro_abi_schedule &schedule, const faro_abi_stage &stage) {
  return findAwaited(schedule, stage).value_or(0); // the module's check found one
}

/// By local index. Usable once that await is done.
inline std::vector<uint64_t> expertRowBases(const RunContext &run, const faro_abi_stage &stage) {
  const uint32_t flag = awaitedFlag(*run.schedule, stage);
  std::vector<uint64_t> bases;
  for (const uint32_t rank : run.nodeRanks()) {
    const Window &window = run.parts.board->valueOf(flag, rank) == OutputsWindow ? run.parts.windows->outputs
                                                                                 : run.parts.windows->received;
    bases.push_back(reinterpret_cast<uint64_t>(window.of(rank)));
  }
  return bases;
}

/// A pull kernel asks ahead for what the last token's successor would have.
inline void addAddressesToFetch(std::vector<uint64_t> &addresses) {
  const uint64_t last = addresses.empty() ? 0 : addresses.back();
  addresses.insert(addresses.end(), FARO_ABI_MAX_TOPK, last);
}

} // namespace faro
