#include "tests/bench/mpi.h"

namespace faro::bench {

static int rankIn(MPI_Comm comm) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  return rank;
}

static int sizeOf(MPI_Comm comm) {
  int size = 1;
  MPI_Comm_size(comm, &size);
  return size;
}

MpiControl::MpiControl(MPI_Comm c) : Control(rankIn(c), sizeOf(c)), comm(c) {}

std::vector<std::string> MpiControl::allgather(const std::string &mine) {
  const int bytes = int(mine.size());
  std::vector<int> sizes(static_cast<size_t>(ranks)), starts;
  MPI_Allgather(&bytes, 1, MPI_INT, sizes.data(), 1, MPI_INT, comm);
  int sum = 0;
  for (int size : sizes) {
    starts.push_back(sum);
    sum += size;
  }
  std::string text(size_t(sum), '\0');
  MPI_Allgatherv(mine.data(), bytes, MPI_CHAR, text.data(), sizes.data(), starts.data(), MPI_CHAR, comm);
  std::vector<std::string> all;
  for (size_t r = 0; r < sizes.size(); ++r)
    all.push_back(text.substr(size_t(starts[r]), size_t(sizes[r])));
  return all;
}

double MpiControl::largest(double mine) {
  double all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, comm);
  return all;
}

uint64_t MpiControl::total(uint64_t mine) {
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
