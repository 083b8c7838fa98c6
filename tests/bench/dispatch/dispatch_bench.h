// Dispatch: tokens [T, H] in token order to rows (local expert, source, token) on the ranks of their experts.
//
//   dispatch_data        what all ways of dispatching share: the tokens, the check
//   this file            what those on one node share: output, staging
//   permute_alltoallv    the baseline, and the best permutes we can write
//   alltoallw            MPI's own way to leave out both permutes
//   deduped_*            one copy per (token, rank), replicated at its receiver
//   faro                 this project, through its public API
//   limits               the machine's own bounds
#pragma once

#include "tests/bench/dispatch/dispatch_data.h"
#include "tests/bench/exchange_plan.h"
#include "tests/bench/harness.h"

namespace faro::bench {

class DispatchBench : public DispatchData {
public:
  DispatchBench(const Problem &problem, MPI_Comm comm);

  const MPI_Comm comm;
  const RowType rowType;
  /// out: the rows of this rank's experts; sent and arrived: staging for rows of the wire. The limits take `sent` for
  /// whatever they write, so it has room for a whole number of cache lines per row.
  Buffer out, sent, arrived;
  /// What the limits take for the padding rows of this rank's experts.
  const size_t paddingRows;
  Buffer padding;

  char *outRow(size_t row) { return out.data() + row * bytes; }
  void zeroPadding(const ExpertRows &experts);

  void wipe() override;
  void flush() override;
};

enum class Permute {
  Memcpy,    ///< as most people write it
  Streaming, ///< the same with stores past the cache
  TokenMajor ///< a token is read once and stored to its k places on the wire; the best we know
};

std::unique_ptr<Method> permuteAlltoallv(DispatchBench &bench, Permute permute);
std::unique_ptr<Method> dispatchAlltoallvAlone(DispatchBench &bench);
std::unique_ptr<Method> dispatchAlltoallw(DispatchBench &bench);
std::unique_ptr<Method> dedupedAlltoallv(DispatchBench &bench);
std::unique_ptr<Method> dedupedAlltoallwInPlace(DispatchBench &bench);
void addDispatchLimits(DispatchBench &bench, Control &control, Methods &methods);

} // namespace faro::bench
