// A rank in a process of its own: how it is started, and what it does.
#pragma once

#include "faro/communicator.h"
#include "runtime/tools/faro-run/Options.h"

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace faro::run {

/// What a child is told on its command line (--internal-child), beside the parent's own arguments.
struct ChildOrders {
  int reportFd = -1; ///< where its result or error goes
  int boardFd = -1;  ///< the progress board
  int outputFd = -1; ///< its output file, or -1
  pid_t parent = 0;
  std::chrono::steady_clock::time_point end; ///< of the job; this clock is the same in all processes

  std::string encode() const;
  static bool decode(const std::string &text, ChildOrders &orders);
};

/// What all children of one job have in common.
class ChildFactory {
public:
  /// `argv` of this process. Errors: UNAVAILABLE when no free port is found.
  static Expected<ChildFactory> create(int argc, char **argv, const Topology &topology, const std::string &transport);

  /// Starts rank `rank`. It dies with this process, by whatever this one ends. Must be called from the main thread:
  /// children die with the thread that made them.
  Expected<pid_t> start(uint32_t rank, const ChildOrders &orders) const;

private:
  std::vector<std::string> arguments_;
  Topology topology_ = Topology::oneNode(1);
  std::string transport_, port_, secret_;
};

/// The main function of a child. Nothing is printed: what there is to say goes to the parent.
int childMain(const Options &options);

} // namespace faro::run
