// Ranks as threads of this process, over the transport `local`; all ranks of a shape compared with the reference.
#pragma once

#include "tests/differential/Job.h"

#include <functional>

namespace faro::differential {

/// Runs `body` as each rank, in blocks of neighbours on so many nodes, and returns when all are over. A rank leaves
/// when all are over, or with its body where that moves `mine` out.
void runRanks(uint32_t ranks, uint32_t nodes, Nanoseconds timeout,
              const std::function<void(uint32_t rank, std::shared_ptr<Communicator> &mine)> &body);

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
