// What the benches of both operations begin with.
#pragma once

#include "tests/bench/control.h"
#include "tests/bench/memory.h"
#include "tests/bench/method.h"
#include "tests/bench/problem.h"

namespace faro::bench {

class ShuffleData : public Workspace {
public:
  explicit ShuffleData(const Problem &p) : problem(p), bytes(p.rowBytes()) {}

  const Problem &problem;
  const size_t bytes; ///< of a row
};

} // namespace faro::bench
