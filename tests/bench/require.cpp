#include "tests/bench/require.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

namespace faro::bench {

void endJob(const std::string &message) {
  int mpi = 0, rank = 0;
  MPI_Initialized(&mpi);
  const char *named = std::getenv("RANK");
  if (mpi)
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fmt::print(stderr, "faro-bench: rank {}: {}\n", mpi ? std::to_string(rank) : named ? named : "0", message);
  std::fflush(stderr);
  if (mpi)
    MPI_Abort(MPI_COMM_WORLD, 1);
  _exit(1); // without destructors, which would wait for others; the launcher ends them
}

void require(const Status &status, const char *what) {
  if (!status.isOk())
    endJob(fmt::format("{}: {}", what, status.message()));
}

} // namespace faro::bench
