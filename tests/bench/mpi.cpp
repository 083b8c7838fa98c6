#include "tests/bench/mpi.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>

namespace faro::bench {

void require(const Status &status, const char *what) {
  if (status.isOk())
    return;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fmt::print(stderr, "faro-bench: rank {}: {}: {}\n", rank, what, status.message());
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();
}

double largest(double mine, MPI_Comm comm) {
  double all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, comm);
  return all;
}

uint64_t total(uint64_t mine, MPI_Comm comm) {
  uint64_t all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, comm);
  return all;
}

RowType::RowType(size_t bytes) {
  MPI_Type_contiguous(int(bytes), MPI_BYTE, &type);
  MPI_Type_commit(&type);
}

void TypePerRank::clear() {
  for (MPI_Datatype &type : list)
    MPI_Type_free(&type);
  list.clear();
  count.clear();
  zero.clear();
}

void TypePerRank::add(const std::vector<MPI_Aint> &offsets, const std::vector<int> &lengths, const RowType &row) {
  MPI_Datatype type;
  if (lengths.empty())
    MPI_Type_create_hindexed_block(int(offsets.size()), 1, offsets.data(), row.get(), &type);
  else
    MPI_Type_create_hindexed(int(offsets.size()), lengths.data(), offsets.data(), row.get(), &type);
  MPI_Type_commit(&type);
  list.push_back(type);
  count.push_back(offsets.empty() ? 0 : 1);
  zero.push_back(0);
}

void alltoallw(const void *from, const TypePerRank &send, void *to, const TypePerRank &receive, MPI_Comm comm) {
  MPI_Alltoallw(from, send.counts(), send.displacements(), send.types(), to, receive.counts(), receive.displacements(),
                receive.types(), comm);
}

} // namespace faro::bench
