#include "runtime/plan/PlanCheck.h"

#include "runtime/core/Environment.h"
#include "runtime/plan/FlowCheck.h"
#include "runtime/plan/PlanHash.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro {

bool checksPlans() {
  static const bool wanted = [] {
    const auto setting = readSwitch(CheckSetting);
    return setting && setting->value_or(false);
  }();
  return wanted;
}

Bytes planRecord(const Plan &plan, const NodePlan *across) { return PlanRecord::of(plan, across).encode(); }

Status planFault(std::string message) { return {FARO_INTERNAL, "FARO_CHECK: " + std::move(message)}; }

//===------------------------------------------------------ one's window ---===//

namespace {

/// Who writes a row: an item of a source, padding, or nobody yet.
struct Writer {
  static constexpr uint32_t Nobody = 0xffffffffu, Padding = 0xfffffffeu;
  uint32_t source = Nobody, choice = 0;
};

} // namespace

static std::string nameOf(const Writer &writer, uint32_t topk) {
  if (writer.source == Writer::Padding)
    return "padding";
  return fmt::format("rank {}, token {}, choice {}", writer.source, writer.choice / topk, writer.choice % topk);
}

static Status write(uint32_t rank, uint64_t row, const Writer &writer, uint32_t topk, std::vector<Writer> &rows) {
  if (row >= rows.size())
    return planFault(fmt::format("{} is row {} of rank {}'s window, which has {} rows", nameOf(writer, topk), row, rank,
                                 rows.size()));
  if (rows[row].source != Writer::Nobody)
    return planFault(fmt::format("row {} of rank {}'s window is written twice: {}; {}", row, rank,
                                 nameOf(rows[row], topk), nameOf(writer, topk)));
  rows[row] = writer;
  return Status::ok();
}

/// Each row of this rank's window is one item's or padding.
static Status checkWindow(const Topology &topology, uint32_t rank, const Plan &plan,
                          std::span<const PlanRecord> records) {
  const uint32_t topk = plan.program->routes.topk;
  std::vector<Writer> rows(plan.rowsOfRank[rank]);
  for (uint32_t source = 0; source < records.size(); ++source)
    for (const PlanRecord::Item &item : records[source].items) {
      const Writer writer{source, item.choice};
      if (item.rank >= topology.ranks())
        return planFault(fmt::format("{} goes to rank {} of {}", nameOf(writer, topk), item.rank, topology.ranks()));
      if (item.rank == rank)
        FARO_RETURN_IF_ERROR(write(rank, item.row, writer, topk, rows));
    }
  for (const RowRun &run : plan.padding)
    for (uint64_t row = run.first; row < run.first + run.count; ++row)
      FARO_RETURN_IF_ERROR(write(rank, row, {Writer::Padding, 0}, topk, rows));
  for (uint64_t row = 0; row < rows.size(); ++row)
    if (rows[row].source == Writer::Nobody)
      return planFault(
          fmt::format("row {} of rank {}'s window is never written, neither by an item nor as padding", row, rank));
  return Status::ok();
}

//===--------------------------------------------------------- PlanCheck ---===//

static Status readRecords(const Topology &topology, uint32_t rank, std::span<const Bytes> bytes,
                          std::vector<PlanRecord> &records) {
  if (bytes.size() != topology.ranks())
    return planFault(fmt::format("rank {} has {} plans of {} ranks", rank, bytes.size(), topology.ranks()));
  for (uint32_t source = 0; source < bytes.size(); ++source) {
    auto record = PlanRecord::decode(bytes[source]);
    if (!record)
      return Status(record.status().code(), fmt::format("rank {}: {}", source, record.status().message()));
    records.push_back(std::move(*record));
  }
  for (uint32_t source = 0; source < records.size(); ++source) {
    if (records[source].program != records[rank].program)
      return planFault(fmt::format("rank {} has planned for another program than rank {}", source, rank));
    if (records[source].windows != records[rank].windows)
      return planFault(
          fmt::format("rank {} thinks that the ranks receive other numbers of rows than rank {} does", source, rank));
  }
  return Status::ok();
}

Expected<PlanCheck> PlanCheck::create(const Topology &topology, uint32_t rank, const Plan &plan, const NodePlan *across,
                                      std::span<const Bytes> records) {
  std::vector<PlanRecord> all;
  FARO_RETURN_IF_ERROR(readRecords(topology, rank, records, all));
  FARO_RETURN_IF_ERROR(checkWindow(topology, rank, plan, all));
  PlanCheck check;
  check.rank = rank;
  if (across) {
    FARO_RETURN_IF_ERROR(checkOwner(topology, rank, plan, *across));
    FARO_RETURN_IF_ERROR(checkRail(topology, rank, *across, all, check.rows));
    FARO_RETURN_IF_ERROR(checkForwarder(topology, rank, *across, all, check.rows));
  }
  return check;
}

Status PlanCheck::arrived(uint32_t rail, uint32_t flowRow, std::span<const Place> destinations) const {
  const auto flow = rows.arrivals.find(rail);
  if (flow == rows.arrivals.end() || flowRow >= flow->second.size())
    return planFault(fmt::format("row {} came to rank {} from rank {}, which has {} rows for it", flowRow, rank, rail,
                                 flow == rows.arrivals.end() ? 0 : flow->second.size()));
  const FlowRows::Arrival &expected = flow->second[flowRow];
  const auto name = [&] {
    return fmt::format("rank {}, token {}, row {} of what rank {} sends rank {}", expected.owner, expected.token,
                       flowRow, rail, rank);
  };
  if (destinations.size() != expected.destinations.size())
    return planFault(fmt::format("{}: its header has {} destinations, expected {}", name(), destinations.size(),
                                 expected.destinations.size()));
  for (size_t i = 0; i < destinations.size(); ++i)
    if (const Place &is = destinations[i], &planned = expected.destinations[i];
        is.rank != planned.rank || is.row != planned.row)
      return planFault(fmt::format("{}: its header has row {} of rank {} as destination {}, expected row {} of rank {}",
                                   name(), is.row, is.rank, i, planned.row, planned.rank));
  return Status::ok();
}

Status PlanCheck::returned(uint32_t forwarder, std::span<const Place> destinations, Returned &soFar) const {
  const std::string name = fmt::format("a partial row that rank {} sends back to rank {}", forwarder, rank);
  if (destinations.size() != 1)
    return planFault(fmt::format("{} has {} destinations, expected one", name, destinations.size()));
  const Place &place = destinations[0];
  const auto flow = rows.returns.find(forwarder);
  if (flow == rows.returns.end() || !flow->second.contains({place.rank, place.row}))
    return planFault(fmt::format("{} is for partial row {} of rank {}, but nothing of that row went that way", name,
                                 place.row, place.rank));
  if (!soFar.insert({forwarder, place.rank, place.row}).second)
    return planFault(
        fmt::format("{} is for partial row {} of rank {}, which has come already", name, place.row, place.rank));
  return Status::ok();
}

} // namespace faro
