#include "dialect/Layout/Layout.h"

#include <algorithm>

namespace faro::layout {

bool Placement::fits(uint32_t ranks) const {
  return ranks > 0 && std::all_of(table_.begin(), table_.end(), [&](uint32_t rank) { return rank < ranks; });
}

uint32_t Placement::owner(uint32_t expert, uint32_t ranks) const {
  switch (kind_) {
  case Kind::Block: {
    // The first `more` ranks hold `each + 1` experts, the others `each`.
    const uint32_t each = experts_ / ranks, more = experts_ % ranks;
    const uint32_t inLarge = more * (each + 1);
    return expert < inLarge ? expert / (each + 1) : more + (expert - inLarge) / each;
  }
  case Kind::RoundRobin:
    return expert % ranks;
  case Kind::Table:
    return table_[expert];
  }
  return 0;
}

std::vector<uint32_t> Placement::expertsOf(uint32_t rank, uint32_t ranks) const {
  std::vector<uint32_t> experts;
  for (uint32_t expert = 0; expert < experts_; ++expert)
    if (owner(expert, ranks) == rank)
      experts.push_back(expert);
  return experts;
}

} // namespace faro::layout
