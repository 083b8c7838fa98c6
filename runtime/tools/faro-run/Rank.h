// What one rank does, in a process of its own or in a thread:
//
//   read input ─► shuffle ─► repeat { prepare ─► dispatch ─► experts ─► combine } ─► write output
//                                       └────────── verify ───────────┘
#pragma once

#include "faro/session.h"
#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Job.h"
#include "runtime/tools/faro-run/OutputFile.h"
#include "runtime/tools/faro-run/Progress.h"
#include "runtime/tools/faro-run/Result.h"

namespace faro::run {

/// Everything a rank works with; all of it belongs to the caller.
struct RankWork {
  const Options &options;
  const Job &job;
  const Inputs &inputs;
  std::shared_ptr<Communicator> communicator;
  int outputFd = -1; ///< where the output goes; -1: nowhere
  std::string outputPath;
  ProgressSlot &progress;
};

/// Collective. Differences that `--verify` finds are part of the result, not an error. After an error the other ranks
/// have been told.
Expected<RankResult> runRank(const RankWork &work);

} // namespace faro::run
