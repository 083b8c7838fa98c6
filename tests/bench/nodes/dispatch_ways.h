// Dispatch across nodes as it can be written by hand over UCX.
#pragma once

#include "tests/bench/dispatch/dispatch_data.h"
#include "tests/bench/kernels.h"
#include "tests/bench/nodes/way.h"

namespace faro::bench {

class NodesDispatch : public DispatchData {
public:
  using Data = DispatchData;
  NodesDispatch(const Problem &p, Control &control, Wire &wire)
      : DispatchData(p), nodes(p, control, wire, Direction::Dispatch) {}
  NodesBench nodes;

  /// Of this rank's experts, as an aligned layout asks for.
  void zeroPadding() {
    for (size_t i = 0; i < problem.received.size(); ++i)
      if (problem.received[i].source < 0)
        zero(nodes.rows.mine() + i * bytes, bytes, problem.received.size() * bytes);
  }
  Check checkRows() const { return check(nodes.rows.mine(), problem.received.size(), bytes); }
  void wipe() override {
    nodes.rows.wipe();
    nodes.wipe();
  }
  void flush() override {
    DispatchData::flush();
    nodes.flush();
  }
};

std::unique_ptr<Method> dispatchWay(NodesDispatch &bench, Dedupe dedupe, Staging staging);

} // namespace faro::bench
