#include "tests/bench/nodes/prediction.h"

#include "compiler/Schedule/CostModel.h"

#include <algorithm>
#include <fstream>
#include <thread>

namespace faro::bench {

using namespace compiler;

/// What this rank does.
static Volumes volumesOf(Op op, const Problem &problem, const RowMap &map) {
  const bool sums = op == Op::Combine;
  const Traffic traffic = map.traffic(Dedupe::Node, sums ? Direction::Combine : Direction::Dispatch);
  size_t items = 0; // of the rows that are summed before they are sent, or fanned out when they have come
  for (const Edge &edge : sums ? traffic.out : traffic.in)
    items += edge.targets.size();
  const size_t bytes = problem.rowBytes();
  Volumes v;
  v.rowBytes = bytes;
  v.sentRows = traffic.outRows;
  v.receivedRows = traffic.inRows;
  v.gatheredBytes = (sums ? items : traffic.outRows) * bytes;
  v.fannedOutBytes = (sums ? traffic.inRows : items) * bytes;
  v.localBytes = (map.local.size() + (sums ? traffic.inRows + problem.tokens() : 0)) * bytes;
  return v;
}

/// Ranks on this machine: nodes may be namespaces of one.
static size_t ranksHere(Control &control) {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id") >> std::ws, id);
  const std::vector<std::string> all = control.allgather(id);
  return size_t(std::count(all.begin(), all.end(), id));
}

double predictedMs(Op op, const Problem &problem, const RowMap &map, const Across &across, Control &control) {
  Volumes v = volumesOf(op, problem, map);
  for (uint64_t *most : {&v.sentRows, &v.receivedRows, &v.fannedOutBytes, &v.localBytes, &v.gatheredBytes})
    *most = uint64_t(control.largest(double(*most)));
  Host host;
  host.coresPerRank = std::min(1.0, double(std::thread::hardware_concurrency()) / double(ranksHere(control)));
  if (across.linkMbit > 0) // Mbit/s to bytes per ns
    host.wireRate = across.linkMbit / 8e3 * AfterHeaders / across.ranksPerNode;
  const size_t stride = (problem.rowBytes() + 63) / 64 * 64;
  SliceChoice slices = chooseSlices(WireClass::Tcp, stride, op == Op::Combine ? 1 : uint64_t(problem.options.topk));
  slices.byReference = slices.byReference && op != Op::Combine; // sums have to be written somewhere
  return predictTime(WireClass::Tcp, slices, v, host) * 1e-6;
}

} // namespace faro::bench
