// The project's own targets, held against a run whose shape they are about.
#pragma once

#include "tests/bench/harness.h"
#include "tests/bench/jit.h"

namespace faro::bench {

struct Budget {
  std::string what;
  double target = 0;
  double measured = 0; ///< the median of the iterations (see Result::timesFasterThan)
  double least = 0;    ///< the same from the least times
  bool atLeast = true; ///< else: at most
  const char *unit = "x";
  /// What the bound itself reaches in the same run, where the budget is a ratio to something else: a machine on which
  /// this is below the target cannot meet it by any means.
  std::optional<double> ceiling = std::nullopt;
  /// Why nothing was measured; empty: it was. What was not measured is not met.
  std::string notMeasured = {};
  bool met() const { return notMeasured.empty() && (atLeast ? measured >= target : measured <= target); }
};

/// The results that ratios refer to; null where they did not take part.
const Result *baselineOf(const std::vector<Result> &results);
const Result *boundOf(const std::vector<Result> &results); ///< the fastest of the bounds
const Result *faroOf(const std::vector<Result> &results);

/// A run across nodes, besides its shape.
struct Across {
  int nodes = 1, ranksPerNode = 1;
  double linkMbit = 0;     ///< of each node, both ways; 0: not limited
  double dedupedBytes = 0; ///< one row per (token, node): through the fullest direction of any node's link
  /// What the nominal rate of the links allows; 0 where they are not limited.
  double nominalMs() const { return linkMbit > 0 ? dedupedBytes * 8 / linkMbit * 1e-3 : 0; }
};
/// The PyTorch that takes part in a run on a device.
struct TorchVersion {
  std::string version, device;
  bool onDevice = false; ///< else on the host, where its times are no peer's
};

/// What Ethernet, IP and TCP headers leave of a link's nominal rate at an MTU of 1500.
constexpr double AfterHeaders = 0.956;

/// For runs of a shape whose planning is held to a share of its dispatch.
void addPlanning(std::vector<Budget> &budgets, Op op, const Options &options, const Result &faro);

std::vector<Budget> budgetsAcross(Op op, const Options &options, const Across &across,
                                  const std::vector<Result> &results);
std::vector<Budget> budgetsOnDevice(Op op, const Options &options, int ranks, const std::vector<Result> &results,
                                    const std::optional<TorchVersion> &torch);
std::vector<Budget> budgetsOf(Op op, const Options &options, int ranks, const std::vector<Result> &results);
std::vector<Budget> budgetsOf(const JitTimes &times);

} // namespace faro::bench
