#include "tests/bench/harness.h"

#include <algorithm>
#include <chrono>

namespace faro::bench {

const char *kindName(Kind kind) {
  switch (kind) {
  case Kind::Peer:
    return "peer";
  case Kind::Part:
    return "part";
  case Kind::Faro:
    return "faro";
  case Kind::Limit:
    return "limit";
  case Kind::Bound:
    return "bound";
  }
  return "?";
}

static double least(const std::vector<double> &values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

static double median(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The median of the quotients, iteration by iteration.
static double paired(const std::vector<double> &above, const std::vector<double> &below) {
  std::vector<double> quotients;
  for (size_t i = 0; i < above.size() && i < below.size(); ++i)
    quotients.push_back(above[i] / below[i]);
  return median(std::move(quotients));
}

double Result::timesFasterThan(const Result &other) const { return paired(other.runMs, runMs); }
double Result::planShare() const { return paired(planMs, runMs); }
double Result::bestRun() const { return least(runMs); }
double Result::medianRun() const { return median(runMs); }
double Result::bestPlan() const { return least(planMs); }
double Result::medianPlan() const { return median(planMs); }

/// Milliseconds of the slowest rank.
template <typename Work> static double timeBetweenBarriers(Control &control, Work &&work) {
  control.barrier();
  const auto start = std::chrono::steady_clock::now();
  work();
  control.barrier();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  return control.largest(taken.count());
}

static void checkOutput(Method &method, Result &result, Control &control) {
  const Check mine = method.check();
  result.checked = true;
  result.wrongRows += control.total(mine.wrongRows);
  if (mine.error)
    result.error = std::max(result.error.value_or(0), control.largest(*mine.error));
}

std::vector<Result> runMethods(const Methods &methods, Workspace &workspace, int iterations, bool coldCaches,
                               Control &control) {
  std::vector<Result> results;
  for (const auto &method : methods)
    results.push_back({method->name, method->kind, false, 0, {}, {}, {}, {}, 0, 0});

  for (int iteration = 0; iteration <= iterations; ++iteration)
    for (size_t m = 0; m < methods.size(); ++m) {
      Method &method = *methods[m];
      Result &result = results[m];
      const bool check = method.checks() && (iteration == 0 || iteration == iterations);
      if (check) {
        workspace.wipe();
        method.wipe();
      }
      double planMs = 0;
      if (method.plans()) {
        planMs = timeBetweenBarriers(control, [&] { method.plan(); });
        planMs = method.ownPlanMs.value_or(planMs);
      }
      method.place();
      if (coldCaches) {
        workspace.flush();
        for (const auto &other : methods) // lines another method left dirty would be written back at this one's cost
          other->flush();
      }
      double runMs = timeBetweenBarriers(control, [&] { method.run(); });
      runMs = method.ownRunMs.value_or(runMs);
      if (check)
        checkOutput(method, result, control);
      if (iteration == 0)
        continue;
      if (method.plans())
        result.planMs.push_back(planMs);
      result.runMs.push_back(runMs);
    }

  for (size_t m = 0; m < methods.size(); ++m) {
    for (const auto &[part, seconds] : methods[m]->parts)
      results[m].partsMs[part] = control.largest(seconds) * 1e3;
    results[m].linkBytes = methods[m]->linkBytes;
    results[m].predictedMs = methods[m]->predictedMs;
  }
  return results;
}

} // namespace faro::bench
