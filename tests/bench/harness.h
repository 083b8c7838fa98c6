// Runs all methods side by side and times them.
//
//   for each iteration, for each method:
//     wipe (when checked) ─► plan, timed ─► inputs in place ─► flush caches ─► run, timed ─► check (first and last)
//
// The methods take turns within each iteration, so that a noisy machine hits them alike: ratios within one run are what
// counts. A time is taken from barrier to barrier, closing barrier included (a rank may use its rows only when all have
// written theirs), and the slowest rank's counts. Iteration 0 warms up and is checked, not counted.
#pragma once

#include "tests/bench/control.h"
#include "tests/bench/method.h"

namespace faro::bench {

/// What one method did; the same on all ranks.
struct Result {
  std::string name;
  Kind kind;
  bool checked = false;
  size_t wrongRows = 0;              ///< of all ranks and both checks
  std::optional<double> error;       ///< see Check
  std::vector<double> planMs, runMs; ///< by iteration; planMs is empty where there is nothing to plan
  std::map<std::string, double> partsMs;
  double linkBytes = 0, predictedMs = 0; ///< see Method

  /// How many times faster than `other` an iteration was, the median of all: the two ran one shortly after the other,
  /// on a machine whose speed changes within a run. Requires two results of one run.
  double timesFasterThan(const Result &other) const;
  double bestRun() const;
  double medianRun() const;
  double bestPlan() const; ///< 0 without a plan
  double medianPlan() const;
  double planShare() const; ///< of its own run, by iteration as well
};

using Methods = std::vector<std::unique_ptr<Method>>;

/// Collective.
std::vector<Result> runMethods(const Methods &methods, Workspace &workspace, int iterations, bool coldCaches,
                               Control &control);

} // namespace faro::bench
