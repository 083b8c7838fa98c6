// The few things of MPI that are used everywhere.
#pragma once

#include "faro/status.h"

#include <cstdint>
#include <mpi.h>
#include <vector>

namespace faro::bench {

/// Ends the job with one message when `status` is an error: a benchmark without one of its methods would mislead.
void require(const Status &status, const char *what);

/// The value of `expected`, or the end of the job.
template <typename T> T require(Expected<T> expected, const char *what) {
  require(expected.status(), what);
  return std::move(*expected);
}

/// The largest, or the sum, over all ranks.
double largest(double mine, MPI_Comm comm);
uint64_t total(uint64_t mine, MPI_Comm comm);

/// A committed derived type of its own.
class RowType {
public:
  explicit RowType(size_t bytes);
  ~RowType() { MPI_Type_free(&type); }
  RowType(const RowType &) = delete;
  RowType &operator=(const RowType &) = delete;
  MPI_Datatype get() const { return type; }

private:
  MPI_Datatype type = MPI_DATATYPE_NULL;
};

/// One derived type for each rank, for MPI_Alltoallw. A rank that gets nothing has count 0.
class TypePerRank {
public:
  TypePerRank() = default;
  ~TypePerRank() { clear(); }
  TypePerRank(const TypePerRank &) = delete;
  TypePerRank &operator=(const TypePerRank &) = delete;

  void clear();
  /// Rows at these offsets in bytes, `lengths[i]` of them each; no lengths: one each.
  void add(const std::vector<MPI_Aint> &offsets, const std::vector<int> &lengths, const RowType &row);
  const MPI_Datatype *types() const { return list.data(); }
  const int *counts() const { return count.data(); }
  const int *displacements() const { return zero.data(); }

private:
  std::vector<MPI_Datatype> list;
  std::vector<int> count, zero;
};

/// MPI_Alltoallw from `from` to `to`.
void alltoallw(const void *from, const TypePerRank &send, void *to, const TypePerRank &receive, MPI_Comm comm);

} // namespace faro::bench
