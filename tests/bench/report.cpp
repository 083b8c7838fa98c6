#include "tests/bench/report.h"

#include "tests/bench/kernels.h"

#include <fmt/format.h>

namespace faro::bench {

const char *opName(Op op) {
  switch (op) {
  case Op::Dispatch:
    return "dispatch";
  case Op::Combine:
    return "combine";
  case Op::Plan:
    return "plan";
  case Op::RoundTrip:
    return "round-trip";
  case Op::Jit:
    return "jit";
  case Op::All:
    return "all";
  }
  return "?";
}

size_t Report::wrongRows() const {
  size_t wrong = 0;
  for (const Result &result : results)
    wrong += result.wrongRows;
  return wrong;
}

double Report::bytes() const {
  if (device && op == Op::Plan)
    return double(options.items() * sizeof(int64_t)) * ranks;
  const int ways = op == Op::RoundTrip ? 2 : 1;
  return double((options.items() + (device ? size_t(options.tokens) : 0)) * options.rowBytes()) * ranks * ways;
}

std::string ratioTo(const Result *reference, const Result &result) {
  return reference ? fmt::format("{:.2f}", result.timesFasterThan(*reference)) : "-";
}

std::string checkText(const Result &result) {
  if (!result.checked)
    return "-";
  if (result.wrongRows)
    return fmt::format("WRONG, {} rows", result.wrongRows);
  return result.error ? fmt::format("ok, error <= {:.1e}", *result.error) : "ok, exact";
}

void printBudgets(const std::vector<Budget> &budgets) {
  for (const Budget &budget : budgets)
    if (!budget.notMeasured.empty())
      fmt::print("budget  {:4}  {:<62} not measured: {} ({} {:.2f})\n", "none", budget.what, budget.notMeasured,
                 budget.atLeast ? ">=" : "<=", budget.target);
    else
      fmt::print("budget  {:4}  {:<62} {:>6.2f}{} ({} {:.2f}; from least times {:.2f}{})\n",
                 budget.met() ? "met" : "MISS", budget.what, budget.measured, budget.unit,
                 budget.atLeast ? ">=" : "<=", budget.target, budget.least,
                 budget.ceiling ? fmt::format("; the bound itself: {:.2f}", *budget.ceiling) : "");
}

void printMethods(const Report &report, int digits) {
  fmt::print("{:<52} {:>9} {:>9} {:>8} {:>7} {:>6} {:>6}  {}\n", "method", "median ms", "least", "plan ms", "GB/s",
             "ratio", "share", "check");
  const Result *baseline = baselineOf(report.results), *bound = boundOf(report.results);
  for (const Result &r : report.results) {
    const bool limit = r.kind == Kind::Limit || r.kind == Kind::Bound;
    fmt::print("{:<52} {:>9.{}f} {:>9.{}f} {:>8} {:>7.1f} {:>6} {:>6}  {}\n", (limit ? "limit: " : "") + r.name,
               r.medianRun(), digits, r.bestRun(), digits,
               r.planMs.empty() ? "-" : fmt::format("{:.3f}", r.medianPlan()), report.bytes() / r.medianRun() * 1e-6,
               ratioTo(baseline, r), ratioTo(bound, r), checkText(r));
  }
}

void printTable(const Report &report) {
  const Options &o = report.options;
  fmt::print(
      "{}: {} ranks x {} tokens, {} {}, top-{} of {} experts, {}, align {}; {:.3f} GB moved; {} loops, {} caches, "
      "{} iterations\n",
      opName(report.op), report.ranks, o.tokens, o.hidden, elementName(o.element), o.topk, o.experts, o.routing,
      o.align, report.bytes() * 1e-9, kernelTarget(), o.coldCaches ? "cold" : "warm", o.iterations);
  printMethods(report, 3);
  const Result *baseline = baselineOf(report.results), *bound = boundOf(report.results);
  if (baseline) {
    fmt::print("ratio: times faster than the first row, the median of the iterations");
    for (const auto &[part, ms] : baseline->partsMs)
      fmt::print("{}{} {:.1f} ms", part[0] == '1' ? " (its last run: " : ", ", part.substr(2), ms);
    fmt::print(")\n");
  }
  if (bound)
    fmt::print("share: of the bound, \"{}\"\n", bound->name);
  printBudgets(report.budgets);
  fmt::print("\n");
  std::fflush(stdout);
}

void printJit(const JitTimes &times, const std::vector<Budget> &budgets) {
  auto list = [](const std::vector<double> &values) {
    std::string text;
    for (double value : values)
      text += fmt::format("{}{:.1f}", text.empty() ? "" : ", ", value);
    return text;
  };
  const auto &device = times.device;
  fmt::print("jit: milliseconds from a spec to a module{}\n",
             device ? fmt::format(" for sm_{}, the kernels that a session needs; {}", device->architecture,
                                  device->assembler.empty() ? "no assembler: PTX only, the driver would do the rest"
                                                            : "machine code by " + device->assembler)
                    : "");
  fmt::print("{:<52} {:.1f}\n", "first spec of a process, empty cache", times.first);
  fmt::print("{:<52} {}\n", "further specs, not in the cache", list(times.next));
  if (device) {
    fmt::print("{:<52} {}\n", "of these PTX, in the longest thread", list(device->ptx));
    fmt::print("{:<52} {}\n", "of these machine code, in the longest thread", list(device->code));
  }
  fmt::print("{:<52} {}\n", "the same specs again, from the cache", list(times.cached));
  fmt::print("{:<52} {:.1f}\n", "first spec of a new process, from the cache", times.cachedNewProcess);
  if (device)
    fmt::print("{:<52} {}\n", "with all kernels: planning, bulk copies, resident, the host's", list(device->all));
  printBudgets(budgets);
  std::fflush(stdout);
}

} // namespace faro::bench
