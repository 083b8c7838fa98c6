// This project as a program that already has MPI would use it: MPI tells rank and size, and carries port and secret;
// all else goes through the public C++ API.
#pragma once

#include "faro/session.h"
#include "tests/bench/problem.h"

#include <mpi.h>

namespace faro::bench {

/// A communicator and a session for the shape of the problem.
class FaroJob {
public:
  /// Collective. Compiles the shape just in time (rank 0 first, the others take its code from the cache), or loads the
  /// module that was named. Ends the job when something fails.
  FaroJob(const Problem &problem, MPI_Comm comm);

  const faro_abi_program &dispatch() const { return *dispatchProgram; }
  const faro_abi_program &combine() const { return *combineProgram; }
  Session &session() { return *open; }
  /// Collective: prepare with this rank's routing.
  std::shared_ptr<const Plan> prepare();

private:
  std::vector<int64_t> topk;
  int64_t tokens;
  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatchProgram = nullptr, *combineProgram = nullptr;
  std::unique_ptr<Session> open;
};

} // namespace faro::bench
