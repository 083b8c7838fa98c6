// Starts the ranks as processes, watches them, and lets none of them outlive this one.
//
//   start all ─► watch ─► all reported and gone ──────────────────────────► results
//                  ├─ one failed ─► let the others find out ─► SIGTERM ─► SIGKILL ─► the error that explains most
//                  ├─ time is over ──────────────────────────► SIGTERM ─► SIGKILL ─► who was doing what
//                  └─ signalled ─────────────────────────────► SIGTERM ─► SIGKILL ─► 128 + signal
//
// Should this process be killed outright, the kernel kills the ranks (PR_SET_PDEATHSIG).
#pragma once

#include "runtime/tools/faro-run/Setup.h"

namespace faro::run {

/// How a job's ranks have ended.
struct Outcome {
  Status status;
  int exitStatus = 0;              ///< of faro-run
  std::vector<RankResult> results; ///< one per rank, when all is well
};

/// Runs the job's ranks in processes over `transport`, writing to setup.outputs. `argv` of this process.
Outcome runProcesses(const Setup &setup, int argc, char **argv, const std::string &transport);

/// The same with threads, over the transport `local`.
Outcome runThreads(const Setup &setup);

/// This process as one rank of a job that a launcher started: everything from the beginning to the exit status.
int runLaunchedRank(const Options &options);

/// Whether a launcher has started this process (torchrun, Open MPI, Slurm, PMI).
bool underLauncher();

} // namespace faro::run
