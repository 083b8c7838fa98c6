// This project as a program that already has a launcher would use it: that tells rank and size, and carries port and
// secret; all else goes through the public C++ API.
#pragma once

#include "faro/session.h"
#include "tests/bench/control.h"
#include "tests/bench/problem.h"
#include "tests/bench/require.h"

namespace faro::bench {

/// INVALID_ARGUMENT when the program is for another shape than the options': it would run, and mean nothing.
Status checkShape(const faro_abi_program &program, const Options &options);

/// A communicator and a session for the shape of the problem.
class FaroJob {
public:
  /// Collective. Compiles the shape just in time (rank 0 first, the others take its code from the cache), or loads the
  /// module that was named. Ends the job when something fails. `place` says who this rank is and where the others are;
  /// port and secret are agreed upon here.
  FaroJob(const Problem &problem, Control &control, const CommunicatorOptions &place);

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
