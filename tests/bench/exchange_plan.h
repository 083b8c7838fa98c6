// What the all-to-all ways have to know before they can move the first row. A rank starts from its own routing; what it
// learns about the others is communicated here, and timed as planning.
#pragma once

#include "tests/bench/mpi.h"
#include "tests/bench/problem.h"

namespace faro::bench {

/// `rows` adjacent rows that stay adjacent.
struct Run {
  size_t from, to, rows;
};

/// Where the rows of this rank's experts lie.
struct ExpertRows {
  std::vector<uint32_t> blockStart; ///< [source * local experts + local expert]: first row of the block
  std::vector<Run> padding;         ///< `to` and `rows`: rows that hold zeros
  size_t rows = 0;                  ///< padding included

  /// From counts[source * local experts + local expert].
  ExpertRows(const std::vector<int> &counts, int ranks, int localExperts, int align);
  ExpertRows() = default;
};

/// For permute + Alltoallv + permute. The wire order is (destination rank, local expert, token, choice).
struct ExchangePlan {
  std::vector<int> sendCount, sendOffset, receiveCount, receiveOffset; ///< rows, by rank
  std::vector<uint32_t> wireToken;                                     ///< wire row -> source token
  std::vector<uint32_t> wireRow;                                       ///< item (token * topk + choice) -> wire row
  std::vector<Run> unpack;       ///< received wire rows -> rows of experts, by source
  std::vector<int> runsOfSource; ///< how many of unpack come from each source
  ExpertRows experts;
};

ExchangePlan planExchange(const Problem &problem, MPI_Comm comm);

/// [0, c[0], c[0] + c[1], ...], as long as `counts`.
std::vector<int> startsOf(const std::vector<int> &counts);

} // namespace faro::bench
