// Which rank holds which expert, as tables: the runtime's own reading of a program's placement.
#pragma once

#include "faro/status.h"
#include "runtime/abi/faro_abi.h"

#include <cstdint>
#include <vector>

namespace faro {

struct ExpertMap {
  std::vector<uint32_t> owner;     ///< expert -> rank
  std::vector<uint32_t> expertsBy; ///< all experts, by rank, ascending on each rank
  std::vector<uint32_t>
      firstOfRank; ///< ranks + 1: rank r's experts are expertsBy[firstOfRank[r] .. firstOfRank[r + 1])

  uint32_t ranks() const { return uint32_t(firstOfRank.size() - 1); }
  uint32_t experts() const { return uint32_t(owner.size()); }
};

/// INVALID_ARGUMENT when a table names a rank that does not exist.
Expected<ExpertMap> makeExpertMap(const faro_abi_routes &routes, uint32_t ranks);

} // namespace faro
