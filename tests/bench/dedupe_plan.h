// What the rank-deduped ways have to know: a token goes once to each rank that holds some of its experts, and the list
// of these experts and their weights goes with it.
#pragma once

#include "tests/bench/exchange_plan.h"

namespace faro::bench {

struct DedupePlan {
  std::vector<int> sendCount, sendOffset, receiveCount, receiveOffset; ///< unique tokens, by rank
  std::vector<uint32_t> sendToken;                                     ///< sent row -> source token

  // Received row i goes to the rows of experts row[first[i]] .. row[first[i + 1] - 1], in the order of k.
  std::vector<uint32_t> first, row;
  std::vector<float> weight; ///< beside row
  size_t received() const { return first.size() - 1; }

  // Token t went out as the sent rows sentRow[firstSent[t]] .. sentRow[firstSent[t + 1] - 1], in the order of ranks.
  std::vector<uint32_t> firstSent, sentRow;

  ExpertRows experts;
};

DedupePlan planDedupe(const Problem &problem, MPI_Comm comm);

} // namespace faro::bench
