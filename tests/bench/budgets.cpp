#include "tests/bench/budgets.h"

#include <algorithm>

namespace faro::bench {

static const Result *firstOf(const std::vector<Result> &results, Kind kind) {
  for (const Result &result : results)
    if (result.kind == kind)
      return &result;
  return nullptr;
}

const Result *baselineOf(const std::vector<Result> &results) { return firstOf(results, Kind::Peer); }
const Result *faroOf(const std::vector<Result> &results) { return firstOf(results, Kind::Faro); }

const Result *boundOf(const std::vector<Result> &results) {
  const Result *best = nullptr;
  for (const Result &result : results)
    if (result.kind == Kind::Bound && (!best || result.medianRun() < best->medianRun()))
      best = &result;
  return best;
}

static const Result *named(const std::vector<Result> &results, const char *name) {
  for (const Result &result : results)
    if (result.name == name)
      return &result;
  return nullptr;
}

/// How many times faster Faro is than `other`.
static void addRatio(std::vector<Budget> &budgets, const char *what, double target, const Result *other,
                     const std::vector<Result> &results, const Result &faro) {
  if (!other)
    return;
  Budget budget{what, target, faro.timesFasterThan(*other), other->bestRun() / faro.bestRun()};
  if (const Result *bound = boundOf(results))
    budget.ceiling = bound->timesFasterThan(*other);
  budgets.push_back(std::move(budget));
}

static void addShare(std::vector<Budget> &budgets, const char *what, double target, const std::vector<Result> &results,
                     const Result &faro) {
  if (const Result *bound = boundOf(results))
    budgets.push_back({what, target, faro.timesFasterThan(*bound), bound->bestRun() / faro.bestRun(), true, ""});
}

static bool isReferenceShape(const Options &o, int ranks) {
  return o.hidden == 7168 && o.element == Element::Bf16 && o.topk == 8 && o.experts == 64 && o.routing == "uniform" &&
         ranks >= 2 && ranks <= 8 && o.tokens >= 256 && o.tokens <= 4096 && o.coldCaches;
}

static void addDispatchBudgets(std::vector<Budget> &budgets, const Options &o, int ranks,
                               const std::vector<Result> &results, const Result &faro) {
  if (isReferenceShape(o, ranks)) {
    addRatio(budgets, "dispatch against permute + Alltoallv + permute", 9, baselineOf(results), results, faro);
    const double best = ranks == 2 ? 2.3 : ranks <= 4 ? 3.0 : 3.7;
    addRatio(budgets, "dispatch against rank-deduped Alltoallw in place + replicate", best,
             named(results, "rank-deduped Alltoallw in place + replicate"), results, faro);
  }
  // Rows that end inside a cache line cost one partial store each, which short rows cannot hide.
  const bool wholeLines = o.rowBytes() % 64 == 0;
  if (o.coldCaches && o.rowBytes() >= 5000)
    addShare(budgets, wholeLines ? "dispatch, share of the write-once bound" : "dispatch, share of it, odd row size",
             wholeLines ? 0.95 : 0.85, results, faro);
}

static void addCombineBudgets(std::vector<Budget> &budgets, const Options &o, int ranks,
                              const std::vector<Result> &results, const Result &faro) {
  if (isReferenceShape(o, ranks))
    addRatio(budgets, "combine against permute + Alltoallv + weighted sum", 5.3, baselineOf(results), results, faro);
  if (o.coldCaches && o.rowBytes() >= 5000)
    addShare(budgets, "combine, share of the read-k-write-one bound", o.topk >= 4 ? 0.92 : 0.75, results, faro);
}

void addPlanning(std::vector<Budget> &budgets, Op op, const Options &o, const Result &faro) {
  if (op != Op::Combine && o.tokens == 4096 && o.topk == 8 && o.hidden == 7168)
    budgets.push_back(
        {"planning, share of the dispatch", 0.05, faro.planShare(), faro.bestPlan() / faro.bestRun(), false, ""});
}

std::vector<Budget> budgetsOf(Op op, const Options &options, int ranks, const std::vector<Result> &results) {
  std::vector<Budget> budgets;
  const Result *faro = faroOf(results);
  if (!faro)
    return budgets;
  if (op == Op::Dispatch)
    addDispatchBudgets(budgets, options, ranks, results, *faro);
  if (op == Op::Combine)
    addCombineBudgets(budgets, options, ranks, results, *faro);
  addPlanning(budgets, op, options, *faro);
  return budgets;
}

/// Each spec is compiled once, so the slowest one counts.
static Budget slowest(const char *what, double target, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  return {what, target, ms.back(), ms.front(), false, " ms"};
}

std::vector<Budget> budgetsOf(const JitTimes &times) {
  if (times.device) {
    Budget kernels = slowest("next spec for a CUDA device, a session's kernels", 60, times.next);
    if (times.device->assembler.empty())
      kernels.notMeasured = "no assembler";
    return {kernels, slowest("spec from the cache", 2, times.cached)};
  }
  return {slowest("first spec of a process", 150, {times.first}), slowest("next spec", 60, times.next),
          slowest("spec from the cache", 2, times.cached)};
}

} // namespace faro::bench
