// Combine: the rows of experts go back to their tokens; out[t] = round(sum over k of weight[t][k] x row), f32 inside,
// each product rounded, then added, in the order of k.
//
//   combine_data         what all ways of combining share: the result, the sums, the check
//   this file            what those on one node share: rows, staging
//   permute_alltoallv    the baseline: permute, all-to-all, then the sum reads the rows where they arrived
//   alltoallw            MPI permutes
//   rank_reduced         one partial row per (token, rank): less to send, but rounded on the way
//   faro                 this project, through its public API
//   limits               the machine's own bounds
#pragma once

#include "tests/bench/combine/combine_data.h"
#include "tests/bench/exchange_plan.h"
#include "tests/bench/harness.h"

namespace faro::bench {

class CombineBench : public CombineData {
public:
  CombineBench(const Problem &problem, MPI_Comm comm);

  const MPI_Comm comm;
  const RowType rowType;
  /// rows: the results of this rank's experts; sent and arrived: staging for rows of the wire.
  Buffer rows, sent, arrived;

  char *expertRow(size_t row) { return rows.data() + row * bytes; }
  /// result = weighted sums of the rows [T, K, H] at `items`.
  void sumItems(const char *items, bool streaming, Ahead ahead = bestAhead());

  void wipe() override;
  void flush() override;
};

enum class Unpermute {
  Folded,          ///< into the sum, which reads the rows where they arrived
  FoldedStreaming, ///< the same, with stores past the cache
  Separate         ///< a pass of its own to [T, K, H], as frameworks do it
};

std::unique_ptr<Method> permuteAlltoallvSum(CombineBench &bench, Unpermute unpermute);
std::unique_ptr<Method> combineAlltoallw(CombineBench &bench);
std::unique_ptr<Method> rankReduced(CombineBench &bench);
void addCombineLimits(CombineBench &bench, Methods &methods);

} // namespace faro::bench
