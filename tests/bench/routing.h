// Who goes where: placement of experts, routings, weights. Pure functions of the seed, so that every rank can recompute
// what every other rank holds. Only references do that; the measured methods learn by communication alone.
#pragma once

#include "tests/bench/options.h"

#include <cstdint>
#include <vector>

namespace faro::bench {

/// A well mixed 64-bit number (the finaliser of MurmurHash3).
inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

/// Blocks: the first `experts mod ranks` ranks hold one expert more.
struct Placement {
  int experts = 1, ranks = 1;
  int first(int rank) const { return rank * (experts / ranks) + (rank < experts % ranks ? rank : experts % ranks); }
  int count(int rank) const { return first(rank + 1) - first(rank); }
  /// The rank of each expert.
  std::vector<int> owners() const;
};

/// topk_idx [tokens, topk] of one source rank; the experts of a token are distinct.
std::vector<int32_t> makeRouting(const Options &options, int ranks, int source);

/// topk_weights [tokens, topk] of one source rank: positive, a token's weights add up to 1.
std::vector<float> makeWeights(const Options &options, int source);

} // namespace faro::bench
