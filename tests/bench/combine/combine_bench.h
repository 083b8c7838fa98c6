// Combine: the rows of experts go back to their tokens; out[t] = round(sum over k of weight[t][k] x row), f32 inside,
// each product rounded, then added, in the order of k.
//
//   this file            what all ways of combining share: rows, result, staging, the sums, the check
//   permute_alltoallv    the baseline: permute, all-to-all, then the sum reads the rows where they arrived
//   alltoallw            MPI permutes
//   rank_reduced         one partial row per (token, rank): less to send, but rounded on the way
//   faro                 this project, through its public API
//   limits               the machine's own bounds
#pragma once

#include "tests/bench/exchange_plan.h"
#include "tests/bench/harness.h"
#include "tests/bench/kernels.h"
#include "tests/bench/memory.h"

namespace faro::bench {

class CombineBench : public Workspace {
public:
  CombineBench(const Problem &problem, MPI_Comm comm);

  const Problem &problem;
  const MPI_Comm comm;
  const size_t bytes; ///< of a row
  const RowType rowType;
  /// rows: the results of this rank's experts; result: tokens [T, H]; sent and arrived: staging for rows of the wire.
  Buffer rows, result, sent, arrived;

  char *expertRow(size_t row) { return rows.data() + row * bytes; }
  char *resultRow(size_t t) { return result.data() + t * bytes; }
  /// The results of the experts, `stride` bytes apart.
  void fillExpertRows(char *data, size_t stride) const;

  /// find(t, list) fills in the rows and weights of result row t.
  template <typename Find> void sumRows(size_t count, char *dst, bool streaming, const Find &find) const;
  /// result = weighted sums of the rows [T, K, H] at `items`.
  void sumItems(const char *items, bool streaming);

  /// Compares `result` with the definition, bit for bit.
  Check checkExact();
  /// The same where partial sums were rounded to the row's type on the way: within what that can do.
  Check checkRounded();

  void wipe() override;
  void flush() override;

private:
  void makeReference();
  Buffer reference;
};

template <typename Find> void CombineBench::sumRows(size_t count, char *dst, bool streaming, const Find &find) const {
  RowList lists[2];
  if (count)
    find(0, lists[0]);
  for (size_t i = 0; i < count; ++i) {
    const RowList &now = lists[i % 2];
    RowList &next = lists[(i + 1) % 2];
    int known = 0;
    if (i + 1 < count) {
      find(i + 1, next);
      known = next.count;
    }
    // The kernel prefetches as many rows as it sums. Where the next list is shorter, it gets rows of this one: a
    // prefetch of what is in the cache costs nothing.
    for (int j = known; j < now.count; ++j)
      next.rows[j] = now.rows[j];
    weightedSum(problem.options.element, dst + i * bytes, now, next, bytes, streaming);
  }
  storeFence();
}

enum class Unpermute {
  Folded,          ///< into the sum, which reads the rows where they arrived
  FoldedStreaming, ///< the same, with stores past the cache
  Separate         ///< a pass of its own to [T, K, H], as frameworks do it
};

std::unique_ptr<Method> permuteAlltoallvSum(CombineBench &bench, Unpermute unpermute);
std::unique_ptr<Method> combineAlltoallw(CombineBench &bench);
std::unique_ptr<Method> rankReduced(CombineBench &bench);
std::unique_ptr<Method> faroCombine(CombineBench &bench);
void addCombineLimits(CombineBench &bench, Methods &methods);

} // namespace faro::bench
