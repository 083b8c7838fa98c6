#include "tests/bench/require.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <mpi.h>
#include <mutex>
#include <unistd.h>

namespace faro::bench {

static thread_local std::string rankOfThread; // "" where ranks are no threads

void beRank(int rank) { rankOfThread = std::to_string(rank); }

void endJob(const std::string &message) {
  static std::mutex once; // never given back: of threads that fail together one says so
  once.lock();
  int mpi = 0, rank = 0;
  MPI_Initialized(&mpi);
  const char *named = std::getenv("RANK");
  if (mpi)
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const std::string who = mpi ? std::to_string(rank) : !rankOfThread.empty() ? rankOfThread : named ? named : "";
  fmt::print(stderr, "faro-bench: {}{}\n", who.empty() ? "" : fmt::format("rank {}: ", who), message);
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
