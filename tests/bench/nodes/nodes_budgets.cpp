#include "tests/bench/budgets.h"

#include <algorithm>

namespace faro::bench {
namespace {

/// Adds what the shape of this run is held to.
class Targets {
public:
  Targets(const Across &a, const std::vector<Result> &all, const Result &f) : across(a), results(all), faro(f) {}

  /// How many times faster than the first method of that name.
  void timesFaster(std::string what, double target, const char *than) {
    for (const Result &other : results)
      if (other.name == than) {
        Budget budget{std::move(what), target, faro.timesFasterThan(other), other.bestRun() / faro.bestRun()};
        budget.ceiling = other.medianRun() / bestPossibleMs();
        budgets.push_back(std::move(budget));
        return;
      }
  }

  void nominalShare(std::string what, double target) {
    Budget budget{std::move(what), target, across.nominalMs() / faro.medianRun(), across.nominalMs() / faro.bestRun()};
    budget.unit = "";
    budget.ceiling = AfterHeaders;
    budgets.push_back(std::move(budget));
  }

  std::vector<Budget> budgets;

private:
  double bestPossibleMs() const {
    if (across.linkMbit > 0)
      return across.nominalMs() / AfterHeaders;
    const Result *bound = boundOf(results);
    return bound ? bound->medianRun() : faro.medianRun();
  }

  const Across &across;
  const std::vector<Result> &results;
  const Result &faro;
};

} // namespace

std::vector<Budget> budgetsAcross(Op op, const Options &o, const Across &a, const std::vector<Result> &results) {
  const Result *faro = faroOf(results);
  if (!faro)
    return {};
  Targets targets(a, results, *faro);
  const std::string name = op == Op::Combine ? "combine" : "dispatch";
  const char *items = "packed: every item";
  const char *ranks =
      op == Op::Combine ? "packed: one partial row per (token, rank)" : "packed: one row per (token, rank)";
  const bool reference = o.hidden == 7168 && o.element == Element::Bf16 && o.topk == 8 && o.tokens >= 1024 &&
                         a.ranksPerNode == 2 && (op == Op::Dispatch || op == Op::Combine);
  const bool twoNodes = reference && a.nodes == 2 && o.experts == 64;
  if (twoNodes && a.linkMbit > 0 && o.routing == "uniform") {
    targets.nominalShare(name + ", share of the nominal rate on deduped bytes", op == Op::Combine ? 0.90 : 0.93);
    targets.timesFaster(name + " against packed, every item", 4, items);
    targets.timesFaster(name + " against packed, one row per (token, rank)", 1.9, ranks);
  }
  if (twoNodes && a.linkMbit > 0 && o.routing == "single-node")
    targets.timesFaster(name + ", single-node, against packed, every item", 8, items);
  if (twoNodes && a.linkMbit == 0 && o.routing == "uniform")
    targets.timesFaster(name + ", links not limited, against packed, every item", 3, items);
  if (reference && a.nodes == 4 && a.linkMbit > 0 && o.routing == "uniform")
    targets.timesFaster(name + ", 4 nodes, against packed, every item", 2.2, items);
  addPlanning(targets.budgets, op, o, *faro);
  return targets.budgets;
}

} // namespace faro::bench
