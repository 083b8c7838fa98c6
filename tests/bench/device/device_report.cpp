// The table of a run with rows on a device.
#include "tests/bench/report.h"

#include <fmt/format.h>

namespace faro::bench {

static std::string ratioTo(const Result *reference, const Result &result) {
  return reference ? fmt::format("{:.2f}", result.timesFasterThan(*reference)) : "-";
}

void printOnDevice(const Report &report) {
  const Options &o = report.options;
  const OnDevice &device = *report.device;
  fmt::print("{} on {} (sm_{}, CUDA device {}): {} ranks x {} tokens, {} {}, top-{} of {} experts, {}, align {}; "
             "{:.3f} GB read and written; {} cache, {} iterations\n",
             opName(report.op), device.name, device.architecture, device.number, report.ranks, o.tokens, o.hidden,
             elementName(o.element), o.topk, o.experts, o.routing, o.align, report.bytes() * 1e-9,
             o.coldCaches ? "cold" : "warm", o.iterations);
  if (o.multiprocessors)
    fmt::print("kernels may fill {} multiprocessors\n", o.multiprocessors);
  fmt::print("{:<52} {:>9} {:>9} {:>8} {:>7} {:>6} {:>6}  {}\n", "method", "median ms", "least", "plan ms", "GB/s",
             "ratio", "share", "check");
  const Result *baseline = baselineOf(report.results), *bound = boundOf(report.results);
  for (const Result &r : report.results) {
    const bool limit = r.kind == Kind::Limit || r.kind == Kind::Bound;
    fmt::print("{:<52} {:>9.4f} {:>9.4f} {:>8} {:>7.1f} {:>6} {:>6}  {}\n", (limit ? "limit: " : "") + r.name,
               r.medianRun(), r.bestRun(), r.planMs.empty() ? "-" : fmt::format("{:.3f}", r.medianPlan()),
               report.bytes() / r.medianRun() * 1e-6, ratioTo(baseline, r), ratioTo(bound, r), checkText(r));
  }
  fmt::print("times are the device's, between two events; the call's is the host's, from the call until it returns\n");
  if (baseline)
    fmt::print("ratio: times faster than the first row, the median of the iterations\n");
  if (bound)
    fmt::print("share: of the bound, \"{}\"\n", bound->name);
  printBudgets(report.budgets);
  fmt::print("\n");
  std::fflush(stdout);
}

} // namespace faro::bench
