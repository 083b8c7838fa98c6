// What a run says: a table for people, JSON for machines.
#pragma once

#include "tests/bench/budgets.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace faro::bench {

/// The device of a run with rows on one.
struct OnDevice {
  std::string name; ///< as its driver calls it
  int number = 0;
  uint32_t architecture = 0; ///< 90 for sm_90
};

/// One operation at one shape.
struct Report {
  Op op;
  Options options;
  int ranks = 1;
  std::vector<Result> results;
  std::vector<Budget> budgets;
  std::optional<Across> across = std::nullopt; ///< of a run across nodes

  std::optional<OnDevice> device = std::nullopt;
  std::optional<TorchVersion> torch = std::nullopt;

  size_t wrongRows() const;
  /// What rates are of: the items, and on a device also the tokens that are read (or the results written) once; both
  /// ways of a round trip; topk_idx where planning on a device is all there is.
  double bytes() const;
};

const char *opName(Op op);
std::string checkText(const Result &result);
/// How many times faster than the reference, or "-" without one.
std::string ratioTo(const Result *reference, const Result &result);
/// The table of a run on one node: a line a method, milliseconds with so many digits.
void printMethods(const Report &report, int digits);

void printTable(const Report &report);
void printAcross(const Report &report);
void printOnDevice(const Report &report);
void printBudgets(const std::vector<Budget> &budgets);
void printJit(const JitTimes &times, const std::vector<Budget> &budgets);

nlohmann::json toJson(const Report &report);
nlohmann::json toJson(const JitTimes &times, const std::vector<Budget> &budgets);

/// {"machine": ..., "runs": [...]}, written whole or not at all.
Status writeJson(const std::string &path, const nlohmann::json &runs);

} // namespace faro::bench
