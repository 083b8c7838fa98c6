// The MPI ways of one node, across nodes: what a user has without writing anything. They take part when mpirun has
// started the ranks (scripts/nodes.sh -m).
#pragma once

#include "tests/bench/harness.h"
#include "tests/bench/nodes/edges.h"
#include "tests/bench/nodes/star_control.h"

#include <functional>

namespace faro::bench {

/// MPI, where there is a launcher of it. What a call has sent may leave later, so MPI goes on while a rank waits for
/// the others by `control`: they may still be in that call.
class MpiPeers {
public:
  explicit MpiPeers(StarControl &control);
  ~MpiPeers();
  MpiPeers(const MpiPeers &) = delete;
  MpiPeers &operator=(const MpiPeers &) = delete;

  /// Adds what MPI does. The memory of these methods is returned, or null where MPI takes no part; it has to stay as
  /// long as they do.
  std::unique_ptr<Workspace> addDispatch(Methods &methods, const Problem &problem, const RowMap &map) const;
  std::unique_ptr<Workspace> addCombine(Methods &methods, const Problem &problem, const RowMap &map) const;

private:
  StarControl &control;
  const std::function<void()> otherIdle;
  bool here = false;
};

/// Memory of several owners.
class Workspaces : public Workspace {
public:
  explicit Workspaces(std::vector<Workspace *> list) : all(std::move(list)) {}
  void wipe() override {
    for (Workspace *one : all)
      if (one)
        one->wipe();
  }
  void flush() override {
    for (Workspace *one : all)
      if (one)
        one->flush();
  }

private:
  std::vector<Workspace *> all;
};

} // namespace faro::bench
