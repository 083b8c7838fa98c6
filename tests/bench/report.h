// What a run says: a table for people, JSON for machines.
#pragma once

#include "tests/bench/budgets.h"

#include <nlohmann/json_fwd.hpp>

namespace faro::bench {

/// One operation at one shape.
struct Report {
  Op op;
  Options options;
  int ranks = 1;
  std::vector<Result> results;
  std::vector<Budget> budgets;

  size_t wrongRows() const;
};

const char *opName(Op op);

void printTable(const Report &report);
void printJit(const JitTimes &times, const std::vector<Budget> &budgets);

nlohmann::json toJson(const Report &report);
nlohmann::json toJson(const JitTimes &times, const std::vector<Budget> &budgets);

/// {"machine": ..., "runs": [...]}, written whole or not at all.
Status writeJson(const std::string &path, const nlohmann::json &runs);

} // namespace faro::bench
