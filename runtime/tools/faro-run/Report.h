// What faro-run says in the end: a table for people, JSON for machines, a trace for a viewer.
#pragma once

#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Job.h"
#include "runtime/tools/faro-run/Result.h"

#include <optional>
#include <string>
#include <vector>

namespace faro::run {

/// One phase over all ranks and repeats. A repeat took as long as its slowest rank.
struct PhaseFigures {
  std::string name;
  double fastestMs = 0, medianMs = 0;
  std::optional<uint64_t> bytes; ///< moved in one repeat by all ranks; nothing: no rows move
  Wire wire;                     ///< of all ranks, in one repeat
  double mostWireRows = 0;       ///< that one rank sends or receives, for each of its network cards
  double leastWireRows = 0;      ///< what that cannot be less than: a node's rows, spread evenly over its cards
  double gigabytesPerSecond() const { return bytes && medianMs > 0 ? double(*bytes) * 1e-6 / medianMs : 0; }
};

/// A run in figures.
struct Figures {
  std::vector<PhaseFigures> phases;
  uint64_t tokens = 0, items = 0, rows = 0;
  uint64_t fewestRows = 0, mostRows = 0; ///< of one rank, padding included
  uint64_t windowBytes = 0;              ///< of the rank that holds most
  uint64_t reserveNs = 0;                ///< for making it, on the slowest rank
  uint64_t stagedBytes = 0;              ///< of all ranks
  uint64_t movedRows = 0;                ///< of all ranks, in one dispatch
  Findings findings;                     ///< of all ranks; the first differences of the lowest rank that has some
};

/// `results` has an entry per rank.
Figures figuresOf(const Job &job, const std::vector<RankResult> &results);

/// What the reports say beside the figures.
struct RunFacts {
  const Options &options;
  const Job &job;
  std::string input; ///< for people
  std::string transport;
  std::string balancer; ///< its name; empty on one node
};

/// With a newline at the end.
std::string formatTable(const RunFacts &facts, const Figures &figures);
std::string formatJson(const RunFacts &facts, const Figures &figures, const std::vector<RankResult> &results);
/// JSON of a run that failed.
std::string formatFailureJson(const Options &options, const Status &status);
/// Trace events of all ranks (a process each) in the format of Chrome and Perfetto. Each node's times count from its
/// own first event: machines have clocks of their own, and all nodes begin together, behind a barrier.
std::string formatTrace(const Topology &topology, const std::vector<RankResult> &results);

} // namespace faro::run
