// The project's own targets, held against a run whose shape they are about.
#pragma once

#include "tests/bench/harness.h"
#include "tests/bench/jit.h"

namespace faro::bench {

struct Budget {
  std::string what;
  double target = 0;
  double measured = 0; ///< from the least times
  double median = 0;   ///< the same from the medians
  bool atLeast = true; ///< else: at most
  const char *unit = "x";
  /// What the bound itself reaches in the same run, where the budget is a ratio to something else: a machine on which
  /// this is below the target cannot meet it by any means.
  std::optional<double> ceiling = std::nullopt;
  bool met() const { return atLeast ? measured >= target : measured <= target; }
};

/// The results that ratios refer to; null where they did not take part.
const Result *baselineOf(const std::vector<Result> &results);
const Result *boundOf(const std::vector<Result> &results); ///< the fastest of the bounds
const Result *faroOf(const std::vector<Result> &results);

std::vector<Budget> budgetsOf(Op op, const Options &options, int ranks, const std::vector<Result> &results);
std::vector<Budget> budgetsOf(const JitTimes &times);

} // namespace faro::bench
