#include "runtime/tools/faro-run/Report.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::run {

namespace {

std::string bytesText(uint64_t bytes) {
  if (bytes < 1000)
    return fmt::format("{} B", bytes);
  if (bytes < 1'000'000)
    return fmt::format("{:.1f} kB", double(bytes) * 1e-3);
  if (bytes < 1'000'000'000)
    return fmt::format("{:.1f} MB", double(bytes) * 1e-6);
  return fmt::format("{:.2f} GB", double(bytes) * 1e-9);
}

std::string timeText(double ms) {
  if (ms < 1)
    return fmt::format("{:.1f} us", ms * 1e3);
  if (ms < 1000)
    return fmt::format("{:.2f} ms", ms);
  return fmt::format("{:.2f} s", ms * 1e-3);
}

std::string count(uint64_t n, const char *what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

/// "on one node", "on 2 nodes of 4 ranks", "on 2 nodes of 3 and 2 ranks".
std::string nodesText(const Topology &topology) {
  if (topology.nodes() == 1)
    return "on one node";
  return fmt::format("on {} nodes of {} ranks", topology.nodes(), nodeSizes(topology));
}

/// What went over the wire: every token once to each other node that has experts of it, and one partial row back.
std::string acrossText(const RunFacts &facts, const Figures &figures) {
  const Job &job = facts.job;
  const auto line = [](const PhaseFigures &phase, const std::string &rows) {
    return fmt::format("between nodes, {}: {} {}, {} in {}{}{}\n", phase.name, phase.wire.rows, rows,
                       bytesText(phase.wire.bytes), count(phase.wire.slices, "slice"),
                       phase.wire.deviceBytes ? ", from the device's memory" : "",
                       phase.wire.residentPushes ? ", by resident kernels" : "");
  };
  const PhaseFigures &dispatch = figures.phases[1];
  const bool byCard = std::ranges::any_of(job.topology.nics(), [](double cards) { return cards != 1; });
  std::string text = line(dispatch, "rows");
  if (job.combine)
    text += line(figures.phases[2],
                 fmt::format("partial rows of {}", elementName(uint32_t(job.combineReference->partial))));
  return text + fmt::format("balancer {}: the busiest rank sends or receives {:.12g} rows{}, {:.1f} at least; {} left "
                            "by another rank of "
                            "the node than the token's\n",
                            facts.balancer, dispatch.mostWireRows, byCard ? " a network card" : "",
                            dispatch.leastWireRows, count(figures.movedRows, "row"));
}

PhaseFigures phase(const char *name, const std::vector<RankResult> &results, std::vector<uint64_t> RankResult::*times) {
  std::vector<uint64_t> slowest;
  for (const RankResult &result : results) {
    slowest.resize(std::max(slowest.size(), (result.*times).size()));
    for (size_t i = 0; i < (result.*times).size(); ++i)
      slowest[i] = std::max(slowest[i], (result.*times)[i]);
  }
  std::sort(slowest.begin(), slowest.end());
  PhaseFigures figures;
  figures.name = name;
  if (!slowest.empty()) {
    figures.fastestMs = double(slowest.front()) * 1e-6;
    figures.medianMs = double(slowest[(slowest.size() - 1) / 2] + slowest[slowest.size() / 2]) * 0.5e-6;
  }
  return figures;
}

void addWire(PhaseFigures &phase, const Topology &topology, const std::vector<RankResult> &results,
             Wire RankResult::*member) {
  std::vector<uint64_t> sent(topology.nodes()), received(topology.nodes());
  for (const RankResult &result : results) {
    const Wire &wire = result.*member;
    phase.wire.rows += wire.rows;
    phase.wire.bytes += wire.bytes;
    phase.wire.slices += wire.slices;
    phase.wire.deviceBytes += wire.deviceBytes;
    phase.wire.residentPushes += wire.residentPushes;
    phase.wire.rowsReceived += wire.rowsReceived;
    phase.wire.waitNs += wire.waitNs;
    phase.mostWireRows =
        std::max(phase.mostWireRows, double(std::max(wire.rows, wire.rowsReceived)) / topology.nicsOf(result.rank));
    sent[topology.nodeOf(result.rank)] += wire.rows;
    received[topology.nodeOf(result.rank)] += wire.rowsReceived;
  }
  for (uint32_t node = 0; node < topology.nodes(); ++node)
    phase.leastWireRows =
        std::max(phase.leastWireRows, double(std::max(sent[node], received[node])) / topology.nicsOfNode(node));
}

std::string verdict(const Options &options, const Job &job, const Findings &findings) {
  const uint64_t repeats = options.repeat;
  std::string text = fmt::format("{}: {}, {}", findings.differences ? "VERIFICATION FAILED" : "verified",
                                 count(job.ranks(), "rank"), count(findings.rows / repeats, "row"));
  if (job.combine)
    text += ", " + count(findings.combined / repeats, "combined token");
  if (repeats > 1)
    text += fmt::format(" in each of {} repeats", repeats);
  return text + ", " + count(findings.differences, "difference") + "\n";
}

} // namespace

Figures figuresOf(const Job &job, const std::vector<RankResult> &results) {
  Figures figures;
  figures.fewestRows = UINT64_MAX;
  for (const RankResult &result : results) {
    figures.tokens += uint64_t(result.tokens);
    figures.items += uint64_t(result.items);
    figures.rows += uint64_t(result.rows);
    figures.fewestRows = std::min(figures.fewestRows, uint64_t(result.rows));
    figures.mostRows = std::max(figures.mostRows, uint64_t(result.rows));
    figures.windowBytes = std::max(figures.windowBytes, result.windowBytes);
    figures.reserveNs = std::max(figures.reserveNs, result.reserveNs);
    figures.stagedBytes += result.stagedBytes;
    figures.movedRows += result.movedRows;
    for (auto first : {&Findings::firstReceived, &Findings::firstCombined})
      if ((figures.findings.*first).empty())
        figures.findings.*first = result.findings.*first;
    figures.findings.rows += result.findings.rows;
    figures.findings.padding += result.findings.padding;
    figures.findings.combined += result.findings.combined;
    figures.findings.differences += result.findings.differences;
  }
  figures.phases.push_back(phase("prepare", results, &RankResult::prepareNs));
  figures.phases.push_back(phase("dispatch", results, &RankResult::dispatchNs));
  figures.phases.back().bytes = figures.items * job.reference.rowBytes();
  addWire(figures.phases.back(), job.topology, results, &RankResult::dispatchWire);
  if (job.combine) {
    figures.phases.push_back(phase("combine", results, &RankResult::combineNs));
    figures.phases.back().bytes = figures.items * job.reference.rowBytes();
    addWire(figures.phases.back(), job.topology, results, &RankResult::combineWire);
  }
  return figures;
}

std::string formatTable(const RunFacts &facts, const Figures &figures) {
  const Options &options = facts.options;
  const Job &job = facts.job;
  std::string text;
  text += fmt::format("{}: {}\n", options.program, job.describe());
  text += fmt::format("{} {} over {}{}; {}{}\n", count(job.ranks(), "rank"), nodesText(job.topology), facts.transport,
                      options.planOnDevice ? ", planned on the device" : "", facts.input,
                      job.combine ? options.expertsFn == ExpertsFn::Scale ? "; experts scale their rows"
                                                                          : "; experts change nothing"
                                  : "");
  text += fmt::format("module: {}\n\n", job.describeModule());

  text += fmt::format("{:<10}{:>12}{:>12}{:>14}{:>14}\n", "phase", "fastest", "median", "bytes moved", "rate");
  for (const PhaseFigures &phase : figures.phases) {
    text += fmt::format("{:<10}{:>12}{:>12}", phase.name, timeText(phase.fastestMs), timeText(phase.medianMs));
    if (phase.bytes)
      text +=
          fmt::format("{:>14}{:>14}", bytesText(*phase.bytes), fmt::format("{:.2f} GB/s", phase.gigabytesPerSecond()));
    text += "\n";
  }
  text +=
      fmt::format("({}, each as long as its slowest rank took; bytes: every routed row once, all ranks together)\n\n",
                  count(options.repeat, "repeat"));

  text += fmt::format("tokens: {}, sent to {} rows\n", figures.tokens, figures.items);
  text += fmt::format("rows of a rank: {} to {}", figures.fewestRows, figures.mostRows);
  if (figures.rows > figures.items)
    text += fmt::format(" (with {} padding rows on all ranks together)", figures.rows - figures.items);
  if (job.topology.nodes() > 1)
    text += "\n" + acrossText(facts, figures);
  else
    text += "\n";
  text += fmt::format("shared memory of a rank: {}, made once in {}\n", bytesText(figures.windowBytes),
                      timeText(double(figures.reserveNs) * 1e-6));
  if (figures.stagedBytes)
    text += fmt::format("copied once more because it was not in shared memory: {}\n", bytesText(figures.stagedBytes));
  if (!options.output.empty() && figures.findings.differences == 0)
    text += fmt::format("output: {}/rank<0 to {}>.safetensors\n", options.output, job.ranks() - 1);
  text += options.verify ? verdict(options, job, figures.findings) : "not verified (--verify compares every byte)\n";
  return text;
}

} // namespace faro::run
