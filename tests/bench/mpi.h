// The few things of MPI that are used everywhere.
#pragma once

#include "tests/bench/control.h"

#include <cstdint>
#include <mpi.h>
#include <vector>

namespace faro::bench {

/// The ranks of a communicator.
class MpiControl : public Control {
public:
  explicit MpiControl(MPI_Comm comm);
  void barrier() override { MPI_Barrier(comm); }
  std::vector<std::string> allgather(const std::string &mine) override;
  double largest(double mine) override;
  uint64_t total(uint64_t mine) override;

private:
  MPI_Comm comm;
};

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
