#include "runtime/tools/faro-run/Report.h"

#include <nlohmann/json.hpp>

namespace faro::run {

using Json = nlohmann::ordered_json;

namespace {
std::string dump(const Json &json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json wireJson(const Wire &wire) {
  return {{"rows", wire.rows},
          {"bytes", wire.bytes},
          {"device_bytes", wire.deviceBytes},
          {"slices", wire.slices},
          {"resident_pushes", wire.residentPushes},
          {"rows_received", wire.rowsReceived},
          {"slot_wait_ns", wire.waitNs}};
}

std::string rankName(const Topology &topology, uint32_t rank) {
  const std::string name = "rank " + std::to_string(rank);
  return topology.nodes() > 1 ? name + " (node " + std::to_string(topology.nodeOf(rank)) + ")" : name;
}
} // namespace

std::string formatJson(const RunFacts &facts, const Figures &figures, const std::vector<RankResult> &results) {
  const Options &options = facts.options;
  const Job &job = facts.job;
  Json json;
  json["ok"] = figures.findings.differences == 0;
  if (figures.findings.differences)
    json["error"] = {{"code", statusCodeName(FARO_DATA_LOSS)}, {"message", figures.findings.first()}};
  json["program"] = options.program;
  json["ranks"] = job.ranks();
  json["nodes"] = job.topology.nodes();
  if (job.topology.nodes() > 1)
    json["balancer"] = facts.balancer;
  json["transport"] = facts.transport;
  json["plan"] = options.planOnDevice ? "device" : "host";
  json["input"] = facts.input;
  json["experts_fn"] = options.expertsFn == ExpertsFn::Scale ? "scale" : "identity";
  json["repeat"] = options.repeat;
  json["shape"] = {{"element", elementName(job.dispatch->row.element)},
                   {"columns", job.dispatch->row.columns},
                   {"topk", job.dispatch->routes.topk},
                   {"experts", job.dispatch->routes.experts},
                   {"align", job.reference.layout.align},
                   {"combine", job.combine != nullptr}};
  json["module"] = {{"source", job.compiled ? "jit" : "library"},
                    {"from_cache", job.fromCache},
                    {"compile_ms", job.compileMs},
                    {"load_ms", job.loadMs},
                    {"target", job.module->kernels().target}};
  for (const PhaseFigures &phase : figures.phases) {
    Json &entry = json["phases"][phase.name];
    entry["min_ms"] = phase.fastestMs;
    entry["median_ms"] = phase.medianMs;
    if (phase.bytes) {
      entry["bytes"] = *phase.bytes;
      entry["gb_per_s"] = phase.gigabytesPerSecond();
      entry["wire"] = wireJson(phase.wire);
      entry["wire"]["most_rows"] = phase.mostWireRows;
      entry["wire"]["most_rows_bound"] = phase.leastWireRows;
    }
  }
  json["tokens"] = figures.tokens;
  json["routed_rows"] = figures.items;
  json["moved_rows"] = figures.movedRows;
  for (const RankResult &result : results) {
    Json entry = {{"rank", result.rank},
                  {"node", job.topology.nodeOf(result.rank)},
                  {"tokens", result.tokens},
                  {"rows", result.rows},
                  {"routed_rows", result.items},
                  {"prepare_ns", result.prepareNs},
                  {"dispatch_ns", result.dispatchNs}};
    if (job.combine)
      entry["combine_ns"] = result.combineNs;
    if (job.topology.nodes() > 1) {
      entry["dispatch_wire"] = wireJson(result.dispatchWire);
      if (job.combine)
        entry["combine_wire"] = wireJson(result.combineWire);
      entry["moved_rows"] = result.movedRows;
    }
    entry["reserve_ns"] = result.reserveNs;
    entry["window_bytes"] = result.windowBytes;
    entry["window_growths"] = result.windowGrowths;
    entry["staged_bytes"] = result.stagedBytes;
    json["per_rank"].push_back(std::move(entry));
  }
  if (options.verify) {
    const Findings &findings = figures.findings;
    json["verified"] = {{"ranks", job.ranks()},
                        {"rows", findings.rows / options.repeat},
                        {"padding_rows", findings.padding / options.repeat},
                        {"combined", findings.combined / options.repeat},
                        {"differences", findings.differences}};
    if (findings.differences)
      json["verified"]["first_difference"] = findings.first();
  } else {
    json["verified"] = nullptr;
  }
  return dump(json, 2);
}

std::string formatFailureJson(const Options &options, const Status &status) {
  Json json;
  json["ok"] = false;
  json["program"] = options.program;
  json["error"] = {{"code", statusCodeName(status.code())}, {"message", status.message()}};
  return dump(json, 2);
}

namespace {

/// A line of a rank in the viewer, and its number in the format.
enum Track : int { Calls, Core, Link, Nic };

Json nameOf(const char *what, uint32_t rank, int track, const std::string &name) {
  return {{"name", what}, {"ph", "M"}, {"pid", rank}, {"tid", track}, {"args", {{"name", name}}}};
}

/// Work of a rank's calls and of its core follows each other. What is signalled and sent does not: such events have two
/// ends, and the viewer finds room for them.
void addEvent(Json &events, uint32_t rank, const TraceEvent &event, uint64_t originNs) {
  const bool call = event.resource == TraceEvent::Call;
  const int track = call                                 ? Calls
                    : event.resource == FARO_ABI_ON_CORE ? Core
                    : event.resource == FARO_ABI_ON_LINK ? Link
                                                         : Nic;
  const double begin = double(event.beginNs - originNs) * 1e-3, duration = double(event.durationNs) * 1e-3;
  Json json = {{"name", event.name}, {"cat", call ? "call" : "stage"},    {"pid", rank}, {"tid", track},
               {"ts", begin},        {"args", {{"repeat", event.repeat}}}};
  if (event.slice >= 0) {
    json["args"]["slice"] = event.slice;
    json["args"]["peer"] = event.peer;
  }
  if (track == Calls || track == Core) {
    json["ph"] = "X";
    json["dur"] = duration;
    events.push_back(std::move(json));
    return;
  }
  json["id"] = events.size();
  json["ph"] = "b";
  events.push_back(json);
  json["ph"] = "e";
  json["ts"] = begin + duration;
  events.push_back(std::move(json));
}

} // namespace

std::string formatTrace(const Topology &topology, const std::vector<RankResult> &results) {
  std::vector<uint64_t> origins(topology.nodes(), UINT64_MAX);
  for (const RankResult &result : results)
    for (const TraceEvent &event : result.trace) {
      uint64_t &origin = origins[topology.nodeOf(result.rank)];
      origin = std::min(origin, event.beginNs);
    }
  Json events = Json::array();
  for (const RankResult &result : results) {
    events.push_back(nameOf("process_name", result.rank, Calls, rankName(topology, result.rank)));
    for (const auto &[track, name] : {std::pair(Calls, "calls"), {Core, "core"}, {Link, "link"}, {Nic, "nic"}})
      events.push_back(nameOf("thread_name", result.rank, track, name));
    for (const TraceEvent &event : result.trace) // microseconds, as the format has it
      addEvent(events, result.rank, event, origins[topology.nodeOf(result.rank)]);
  }
  return dump({{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}, -1);
}

} // namespace faro::run
