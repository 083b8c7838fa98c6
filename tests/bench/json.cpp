#include "runtime/tools/faro-run/OutputFile.h"
#include "tests/bench/kernels.h"
#include "tests/bench/report.h"

#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace faro::bench {

using nlohmann::json;

static json toJson(const Budget &budget) {
  if (!budget.notMeasured.empty())
    return {{"what", budget.what},
            {"target", budget.target},
            {"at_least", budget.atLeast},
            {"not_measured", budget.notMeasured},
            {"met", false}};
  json out = {{"what", budget.what},         {"target", budget.target}, {"at_least", budget.atLeast},
              {"measured", budget.measured}, {"least", budget.least},   {"met", budget.met()}};
  if (budget.ceiling)
    out["ceiling"] = *budget.ceiling;
  return out;
}

static json toJson(const std::vector<Budget> &budgets) {
  json list = json::array();
  for (const Budget &budget : budgets)
    list.push_back(toJson(budget));
  return list;
}

static json toJson(const Result &result, const Report &report, double bytes) {
  json method = {{"name", result.name},
                 {"kind", kindName(result.kind)},
                 {"run_ms_min", result.bestRun()},
                 {"run_ms_median", result.medianRun()},
                 {"gb_per_s", bytes / result.medianRun() * 1e-6},
                 {"checked", result.checked},
                 {"wrong_rows", result.wrongRows}};
  if (!result.planMs.empty()) {
    method["plan_ms_min"] = result.bestPlan();
    method["plan_ms_median"] = result.medianPlan();
    method["plan_share"] = result.planShare();
  }
  if (result.error)
    method["max_error"] = *result.error;
  if (!result.partsMs.empty())
    method["parts_ms"] = result.partsMs;
  if (result.linkBytes > 0)
    method["link_bytes"] = result.linkBytes;
  if (result.predictedMs > 0)
    method["predicted_ms"] = result.predictedMs;
  if (report.across && report.across->nominalMs() > 0) {
    method["nominal_share"] = report.across->nominalMs() / result.medianRun();
    method["nominal_share_least"] = report.across->nominalMs() / result.bestRun();
  }
  if (const Result *baseline = baselineOf(report.results)) {
    method["ratio"] = result.timesFasterThan(*baseline);
    method["ratio_least"] = baseline->bestRun() / result.bestRun();
  }
  if (const Result *bound = boundOf(report.results)) {
    method["share"] = result.timesFasterThan(*bound);
    method["share_least"] = bound->bestRun() / result.bestRun();
  }
  return method;
}

json toJson(const Report &report) {
  const Options &o = report.options;
  const double bytes = report.bytes();
  json run = {{"op", opName(report.op)},
              {"ranks", report.ranks},
              {"tokens", o.tokens},
              {"hidden", o.hidden},
              {"experts", o.experts},
              {"topk", o.topk},
              {"dtype", elementName(o.element)},
              {"routing", o.routing},
              {"align", o.align},
              {"iterations", o.iterations},
              {"caches", o.coldCaches ? "cold" : "warm"},
              {"seed", o.seed},
              {"payload_bytes", bytes},
              {"budgets", toJson(report.budgets)}};
  if (report.across)
    run["across"] = {{"nodes", report.across->nodes},
                     {"ranks_per_node", report.across->ranksPerNode},
                     {"link_mbit", report.across->linkMbit},
                     {"deduped_bytes", report.across->dedupedBytes},
                     {"nominal_ms", report.across->nominalMs()}};
  if (report.device) {
    run["device"] = {{"name", report.device->name},
                     {"number", report.device->number},
                     {"architecture", fmt::format("sm_{}", report.device->architecture)}};
    run["multiprocessors"] = o.multiprocessors; // 0: all
  }
  if (report.torch)
    run["torch"] = {{"version", report.torch->version}, {"device", report.torch->device}};
  run["methods"] = json::array();
  for (const Result &result : report.results)
    run["methods"].push_back(toJson(result, report, bytes));
  return run;
}

json toJson(const JitTimes &times, const std::vector<Budget> &budgets) {
  json run = {{"op", "jit"},
              {"first_ms", times.first},
              {"next_ms", times.next},
              {"cached_ms", times.cached},
              {"cached_new_process_ms", times.cachedNewProcess},
              {"budgets", toJson(budgets)}};
  if (times.device)
    run["device"] = {{"architecture", fmt::format("sm_{}", times.device->architecture)},
                     {"assembler", times.device->assembler},
                     {"ptx_ms", times.device->ptx},
                     {"code_ms", times.device->code},
                     {"all_kernels_ms", times.device->all}};
  return run;
}

static std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0)
      return line.substr(line.find(':') + 2);
  return "unknown";
}

Status writeJson(const std::string &path, const json &runs) {
  double load = -1;
  if (getloadavg(&load, 1) != 1)
    load = -1;
  const json whole = {{"machine",
                       {{"processor", processorName()},
                        {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
                        {"loops", kernelTarget()},
                        {"load_at_end", load}}},
                      {"runs", runs}};
  auto file = run::TextFile::open(path);
  const Status written = file ? file->commit(whole.dump(1) + '\n') : file.status();
  return written ? written : Status(written.code(), "--json " + written.message());
}

} // namespace faro::bench
