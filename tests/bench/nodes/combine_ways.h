// Combine across nodes as it can be written by hand over UCX.
#pragma once

#include "tests/bench/combine/combine_data.h"
#include "tests/bench/nodes/way.h"

namespace faro::bench {

class NodesCombine : public CombineData {
public:
  using Data = CombineData;
  NodesCombine(const Problem &p, Control &control, Wire &wire)
      : CombineData(p), nodes(p, control, wire, Direction::Combine) {
    fillExpertRows(nodes.rows.mine(), bytes);
    control.barrier(); // others read them
  }
  NodesBench nodes;

  void wipe() override {
    CombineData::wipe();
    nodes.wipe();
  }
  void flush() override {
    CombineData::flush();
    nodes.flush();
  }
};

/// Staging::Passes: all partial rows are made, then sent, then the tokens are summed; Slices: all of that at once.
std::unique_ptr<Method> combineWay(NodesCombine &bench, Dedupe dedupe, Staging staging);

} // namespace faro::bench
