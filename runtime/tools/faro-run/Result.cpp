#include "runtime/tools/faro-run/Result.h"

#include <nlohmann/json.hpp>

namespace faro::run {

using Json = nlohmann::json;

static Json toJson(const Wire &wire) {
  return {wire.rows, wire.bytes, wire.slices, wire.rowsReceived, wire.waitNs, wire.deviceBytes, wire.residentPushes};
}

static Wire wireFromJson(const Json &json) {
  return {json.at(0).get<uint64_t>(), json.at(1).get<uint64_t>(), json.at(2).get<uint64_t>(),
          json.at(3).get<uint64_t>(), json.at(4).get<uint64_t>(), json.at(5).get<uint64_t>(),
          json.at(6).get<uint64_t>()};
}

Json toJson(const RankResult &result) {
  Json trace = Json::array();
  for (const TraceEvent &event : result.trace)
    trace.push_back(
        {event.name, event.repeat, event.beginNs, event.durationNs, event.resource, event.slice, event.peer});
  return {{"rank", result.rank},
          {"tokens", result.tokens},
          {"rows", result.rows},
          {"items", result.items},
          {"prepare_ns", result.prepareNs},
          {"dispatch_ns", result.dispatchNs},
          {"combine_ns", result.combineNs},
          {"reserve_ns", result.reserveNs},
          {"window_bytes", result.windowBytes},
          {"staged_bytes", result.stagedBytes},
          {"window_growths", result.windowGrowths},
          {"dispatch_wire", toJson(result.dispatchWire)},
          {"combine_wire", toJson(result.combineWire)},
          {"moved_rows", result.movedRows},
          {"verified_rows", result.findings.rows},
          {"verified_padding", result.findings.padding},
          {"verified_combined", result.findings.combined},
          {"differences", result.findings.differences},
          {"first_received", result.findings.firstReceived},
          {"first_combined", result.findings.firstCombined},
          {"trace", std::move(trace)}};
}

Json toJson(const Status &error) { return {{"code", int(error.code())}, {"message", error.message()}}; }

namespace {

RankResult fromJson(const Json &json) {
  RankResult result;
  json.at("rank").get_to(result.rank);
  json.at("tokens").get_to(result.tokens);
  json.at("rows").get_to(result.rows);
  json.at("items").get_to(result.items);
  json.at("prepare_ns").get_to(result.prepareNs);
  json.at("dispatch_ns").get_to(result.dispatchNs);
  json.at("combine_ns").get_to(result.combineNs);
  json.at("reserve_ns").get_to(result.reserveNs);
  json.at("window_bytes").get_to(result.windowBytes);
  json.at("staged_bytes").get_to(result.stagedBytes);
  json.at("window_growths").get_to(result.windowGrowths);
  result.dispatchWire = wireFromJson(json.at("dispatch_wire"));
  result.combineWire = wireFromJson(json.at("combine_wire"));
  json.at("moved_rows").get_to(result.movedRows);
  json.at("verified_rows").get_to(result.findings.rows);
  json.at("verified_padding").get_to(result.findings.padding);
  json.at("verified_combined").get_to(result.findings.combined);
  json.at("differences").get_to(result.findings.differences);
  json.at("first_received").get_to(result.findings.firstReceived);
  json.at("first_combined").get_to(result.findings.firstCombined);
  for (const Json &event : json.at("trace"))
    result.trace.push_back({event.at(0).get<std::string>(), event.at(1).get<uint32_t>(), event.at(2).get<uint64_t>(),
                            event.at(3).get<uint64_t>(), event.at(4).get<int>(), event.at(5).get<int64_t>(),
                            event.at(6).get<uint32_t>()});
  return result;
}

/// Messages may carry bytes of file names that are no UTF-8; they must not stop the report.
std::string dump(const Json &json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

} // namespace

std::string encodeResult(const RankResult &result) { return dump({{"result", toJson(result)}}); }
std::string encodeError(const Status &error) { return dump({{"error", toJson(error)}}); }

Expected<RankResult> decode(const std::string &line) {
  try {
    const Json json = Json::parse(line);
    if (const auto error = json.find("error"); error != json.end())
      return Status(StatusCode(error->at("code").get<int>()), error->at("message").get<std::string>());
    return fromJson(json.at("result"));
  } catch (const Json::exception &error) {
    return Status(FARO_DATA_LOSS, std::string("a rank's report cannot be read: ") + error.what());
  }
}

int explanatoryRank(StatusCode code) {
  switch (code) {
  case FARO_PEER_FAILED:
    return 1;
  case FARO_DEADLINE_EXCEEDED:
    return 2;
  case FARO_ABORTED:
    return 3;
  default:
    return 0;
  }
}

} // namespace faro::run
