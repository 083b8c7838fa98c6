// The table of a run across nodes.
#include "tests/bench/report.h"

#include <fmt/format.h>

namespace faro::bench {

void printAcross(const Report &report) {
  const Options &o = report.options;
  const Across &a = *report.across;
  const bool limited = a.linkMbit > 0;
  fmt::print(
      "{} across nodes: {} x {} ranks, links {}; {} tokens a rank, {} {}, top-{} of {} experts, {}; {} iterations\n",
      opName(report.op), a.nodes, a.ranksPerNode, limited ? fmt::format("of {:g} Mbit/s", a.linkMbit) : "not limited",
      o.tokens, o.hidden, elementName(o.element), o.topk, o.experts, o.routing, o.iterations);
  fmt::print("{:<56} {:>9} {:>9} {:>8} {:>8} {:>6} {:>6} {:>6} {:>9}  {}\n", "method", "median ms", "least", "plan ms",
             "MB link", "ratio", "line", "share", "model ms", "check");
  const Result *baseline = baselineOf(report.results), *bound = boundOf(report.results);
  for (const Result &r : report.results) {
    const bool limit = r.kind == Kind::Limit || r.kind == Kind::Bound;
    const double line = limited ? r.linkBytes * 8 / a.linkMbit * 1e-3 / r.medianRun() : 0;
    fmt::print("{:<56} {:>9.2f} {:>9.2f} {:>8} {:>8} {:>6} {:>6} {:>6} {:>9}  {}\n", (limit ? "limit: " : "") + r.name,
               r.medianRun(), r.bestRun(), r.planMs.empty() ? "-" : fmt::format("{:.2f}", r.medianPlan()),
               r.linkBytes > 0 ? fmt::format("{:.1f}", r.linkBytes * 1e-6) : "-", ratioTo(baseline, r),
               line > 0 ? fmt::format("{:.3f}", line) : "-",
               limited ? fmt::format("{:.3f}", a.nominalMs() / r.medianRun()) : ratioTo(bound, r),
               r.predictedMs > 0 ? fmt::format("{:.2f}", r.predictedMs) : "-", checkText(r));
  }
  fmt::print("ratio: times faster than the first row, the median of the iterations; line: the method's own bytes over "
             "the nominal rate of the fullest link\n");
  if (limited)
    fmt::print("share: {:.1f} MB of deduped rows at that rate take {:.1f} ms (headers leave {:g} of it)\n",
               a.dedupedBytes * 1e-6, a.nominalMs(), AfterHeaders);
  else if (bound)
    fmt::print("share: of the bound, \"{}\"\n", bound->name);
  printBudgets(report.budgets);
  fmt::print("\n");
  std::fflush(stdout);
}

} // namespace faro::bench
