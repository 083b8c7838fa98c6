// The table of a run with rows on a device.
#include "tests/bench/report.h"

#include <fmt/format.h>

namespace faro::bench {

void printOnDevice(const Report &report) {
  const Options &o = report.options;
  const OnDevice &device = *report.device;
  fmt::print("{} on {} (sm_{}, CUDA device {}): {} ranks x {} tokens, {} {}, top-{} of {} experts, {}, align {}; "
             "{:.3f} GB {}; {} cache, {} iterations\n",
             opName(report.op), device.name, device.architecture, device.number, report.ranks, o.tokens, o.hidden,
             elementName(o.element), o.topk, o.experts, o.routing, o.align, report.bytes() * 1e-9,
             report.op == Op::Plan ? "of topk_idx" : "read and written", o.coldCaches ? "cold" : "warm", o.iterations);
  if (o.multiprocessors)
    fmt::print("kernels may fill {} multiprocessors\n", o.multiprocessors);
  printMethods(report, 4);
  fmt::print(
      "times are the device's, between two events (of several ranks that plan on it: from the first to the last); "
      "{} the host's, from the call until it returns\n",
      report.op == Op::Plan || report.op == Op::RoundTrip ? "those of sessions are" : "the call's is");
  if (report.torch && report.torch->onDevice)
    fmt::print("torch: {}, on the same device, in a process of its own\n", report.torch->version);
  else if (report.torch)
    fmt::print("torch: {} on {}, to try it: its times are the host's and say nothing beside the others\n",
               report.torch->version, report.torch->device);
  else if (o.peers && report.op != Op::RoundTrip)
    fmt::print("torch: not measured; --torch PYTHON, a Python that can import torch, measures it too\n");
  if (baselineOf(report.results))
    fmt::print("ratio: times faster than the first row, the median of the iterations\n");
  if (const Result *bound = boundOf(report.results))
    fmt::print("share: of the bound, \"{}\"\n", bound->name);
  printBudgets(report.budgets);
  fmt::print("\n");
  std::fflush(stdout);
}

} // namespace faro::bench
