#include "runtime/core/NodeExchange.h"

#include "runtime/core/PeerWatch.h"
#include "runtime/core/Wire.h"

#include <climits>
#include <fmt/format.h>
#include <unistd.h>
#include <unordered_map>

namespace faro {

std::string machineIdentity() {
  const std::string boot = bootIdentity();
  char space[PATH_MAX];
  const ssize_t size = readlink("/proc/self/ns/ipc", space, sizeof space);
  char host[256] = {}; // one more than a name may have
  if (boot.empty() || size <= 0 || gethostname(host, sizeof host - 1) != 0)
    return {};
  return fmt::format("{}/{}/{}", host, boot, std::string_view(space, size_t(size)));
}

Expected<Topology> topologyOf(const std::vector<NodeHint> &hints) {
  bool machines = true;
  for (uint32_t rank = 0; rank < hints.size(); ++rank) {
    machines &= !hints[rank].machine.empty();
    if (const double nics = hints[rank].nics; !(nics >= FewestNics && nics <= MostNics)) // a NaN is neither
      return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} has {:g} network cards: expected {:g} to {:g}", rank,
                                                       nics, FewestNics, MostNics));
    if (hints[rank].node.has_value() != hints[0].node.has_value()) {
      const uint32_t told = hints[0].node ? 0 : rank;
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} was told that it is on node {}, rank {} was told nothing: set FARO_NODE (or "
                                "GROUP_RANK, NODE_RANK, SLURM_NODEID) on all ranks or on none",
                                told, *hints[told].node, told ? 0 : rank));
    }
  }
  std::unordered_map<std::string, uint32_t> numbers;
  std::vector<uint32_t> labels;
  std::vector<double> nics;
  for (uint32_t rank = 0; rank < hints.size(); ++rank) {
    const NodeHint &hint = hints[rank];
    labels.push_back(hint.node  ? *hint.node
                     : machines ? numbers.try_emplace(hint.machine, uint32_t(numbers.size())).first->second
                     : hint.ranksPerNode != 0 ? rank / hint.ranksPerNode
                                              : 0);
    nics.push_back(hint.nics);
  }
  return Topology(labels, std::move(nics));
}

Expected<Topology> findTopology(const CommunicatorOptions &options, Bootstrap &bootstrap) {
  FrameWriter fields{FrameKind(0)};
  fields.number(uint8_t(options.node.has_value())).number(options.node.value_or(0)).number(options.ranksPerNode);
  fields.number(options.nics).text(machineIdentity());
  const auto all =
      bootstrap.allgather(*fields.finish(), "communicator: nodes", options.timeout, [] { return Status::ok(); });
  if (!all)
    return all.status();
  std::vector<NodeHint> hints;
  for (uint32_t rank = 0; rank < options.worldSize; ++rank) {
    FrameReader reader(FrameReader::payloadOf((*all)[rank]));
    NodeHint hint;
    const bool told = reader.number<uint8_t>() != 0;
    const auto node = reader.number<uint32_t>();
    if (told)
      hint.node = node;
    hint.ranksPerNode = reader.number<uint32_t>();
    hint.nics = reader.number<double>();
    hint.machine = reader.text();
    if (!reader.ok)
      return Status(FARO_DATA_LOSS, fmt::format("rank {} described its node in torn bytes", rank));
    hints.push_back(std::move(hint));
  }
  // Every rank finds the same here, errors as well, so nobody needs to be told.
  return topologyOf(hints);
}

} // namespace faro
