// All ranks of a shape as threads of this process, over the transport `local`, compared with the reference.
#pragma once

#include "tests/differential/Job.h"

#include <functional>

namespace faro::differential {

/// The shape's program; a test failure and null when it does not compile.
std::shared_ptr<const Module> compiled(const Shape &shape);

struct Disturbance {
  /// Called by each rank before each batch: where a test makes ranks late.
  std::function<void(uint32_t rank, int batch)> before = [](uint32_t, int) {};
};

/// Several batches on one session: windows grow, plans differ, sessions are reused. Differences and errors are test
/// failures.
void runShape(const Shape &shape, int batches, const Disturbance &disturbance = {});

/// The same with a module that is there already.
void runShape(const Shape &shape, const std::shared_ptr<const Module> &module, int batches,
              const Disturbance &disturbance = {});

} // namespace faro::differential
