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
  if (job.combine) {
    figures.phases.push_back(phase("combine", results, &RankResult::combineNs));
    figures.phases.back().bytes = figures.items * job.reference.rowBytes();
  }
  return figures;
}

std::string formatTable(const RunFacts &facts, const Figures &figures) {
  const Options &options = facts.options;
  const Job &job = facts.job;
  std::string text;
  text += fmt::format("{}: {}\n", options.program, job.describe());
  text += fmt::format("{} on one node over {}; {}{}\n", count(job.ranks(), "rank"), facts.transport, facts.input,
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
  text += fmt::format("\nshared memory of a rank: {}, made once in {}\n", bytesText(figures.windowBytes),
                      timeText(double(figures.reserveNs) * 1e-6));
  if (figures.stagedBytes)
    text += fmt::format("copied once more because it was not in shared memory: {}\n", bytesText(figures.stagedBytes));
  if (!options.output.empty() && figures.findings.differences == 0)
    text += fmt::format("output: {}/rank<0 to {}>.safetensors\n", options.output, job.ranks() - 1);
  text += options.verify ? verdict(options, job, figures.findings) : "not verified (--verify compares every byte)\n";
  return text;
}

} // namespace faro::run
