// Everything that is found out before a rank starts, and everything that happens after the last one has ended. Shared
// by the ways to run: processes, threads, one rank of somebody else's job.
#pragma once

#include "runtime/tools/faro-run/Inputs.h"
#include "runtime/tools/faro-run/Job.h"
#include "runtime/tools/faro-run/Output.h"
#include "runtime/tools/faro-run/Report.h"

#include <chrono>
#include <mutex>
#include <optional>

namespace faro::run {

/// When everything has to be over, from the start of the program.
class Deadline {
public:
  using Clock = std::chrono::steady_clock;
  explicit Deadline(double seconds)
      : end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}
  explicit Deadline(Clock::time_point end) : end_(end) {}
  Clock::time_point end() const { return end_; }
  double secondsLeft() const { return std::max(0.0, std::chrono::duration<double>(end_ - Clock::now()).count()); }
  /// For ranks that meet: that ends first, and can say who did not come. Later waits: Communicator::endBy.
  Nanoseconds forWaits() const { return Nanoseconds(int64_t(secondsLeft() * 0.8e9) + 1'000'000); }

private:
  Clock::time_point end_;
};

class Setup {
public:
  Setup(const Options &options, const Deadline &deadline) : options(options), deadline(deadline) {}

  /// Opens the files of --json and --trace: first of all, so that the JSON can tell of every other fault. `ranks`: of
  /// the job.
  Status openReports(uint32_t ranks);
  /// Loads the program for these ranks and makes the inputs ready to be read.
  Status load(const Topology &topology);
  /// Opens the output files of ranks [begin, end). `checkAll`: with all ranks' input and places of output checked.
  Status openFiles(uint32_t begin, uint32_t end, bool checkAll);

  /// Puts the output files in place unless differences were found, prints the table and writes the reports. Returns the
  /// exit status.
  int succeed(const std::vector<RankResult> &results, const std::string &transport);
  /// The same, with the output files already dealt with.
  int report(const std::vector<RankResult> &results, const std::string &transport);
  /// Says what is wrong, on stderr and in the JSON. Returns `exitStatus`. By any thread.
  int fail(const Status &status, int exitStatus = 1) const;
  /// Ends this process for a signal that it has got: says so (where `speaks`) unless there is another end already, and
  /// leaves no hidden files. By any thread.
  [[noreturn]] void endBy(int signal, bool speaks = true) const;

  const Options &options;
  const Deadline deadline;
  Job job;
  std::unique_ptr<Inputs> inputs;
  std::vector<OutputFile> outputs;
  std::string balancer; ///< the name of the one that spreads rows over ranks; empty on one node

private:
  Status writeJson(const std::string &text) const;
  mutable std::optional<TextFile> json_;
  mutable std::mutex jsonMutex_; ///< a watchdog may fail while the main thread reports
  /// Held while the end of the run is told and its files are put in place: all of them appear, or none.
  mutable std::recursive_mutex ending_;
  mutable std::optional<int> ended_; ///< the exit status, once the end is told
  std::optional<TextFile> trace_;
  bool compileError_ = false; ///< its messages start with file:line:column, as editors like it
};

/// Says what may not be as the user thinks: once, before the work.
void printNotes(const Options &options, uint32_t ranks);

/// For people: why a process may have got SIGBUS. `sharesMemory`: with other processes.
std::string busErrorHint(const Options &options, bool sharesMemory);

} // namespace faro::run
