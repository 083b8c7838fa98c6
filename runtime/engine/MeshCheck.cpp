#include "runtime/engine/MeshCheck.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro {

faro_abi_path pathOn(const Topology &topology) {
  return topology.nodes() == 1 ? FARO_ABI_DIRECT : FARO_ABI_HIERARCHICAL;
}

/// "4 nodes x 2 ranks", "2 nodes of 1 to 3 ranks".
static std::string describe(const Topology &topology) {
  size_t least = topology.ranks(), most = 0;
  for (uint32_t node = 0; node < topology.nodes(); ++node) {
    least = std::min(least, topology.ranksOf(node).size());
    most = std::max(most, topology.ranksOf(node).size());
  }
  return least == most ? fmt::format("{} nodes x {} ranks", topology.nodes(), most)
                       : fmt::format("{} nodes of {} to {} ranks", topology.nodes(), least, most);
}

Status checkMesh(const Module &module, const Topology &topology) {
  const faro_abi_mesh &mesh = module.abi().mesh;
  const auto fits = [&](uint32_t node) { return topology.ranksOf(node).size() == mesh.ranks_per_node; };
  bool sizes = true;
  for (uint32_t node = 0; node < topology.nodes() && mesh.ranks_per_node; ++node)
    sizes &= fits(node);
  if ((mesh.nodes && mesh.nodes != topology.nodes()) || !sizes) {
    const auto show = [](uint32_t n) { return n ? std::to_string(n) : std::string("?"); };
    return {FARO_INVALID_ARGUMENT,
            fmt::format("{}: it was compiled for a mesh of {} nodes x {} ranks, but there are {}; start as many, or "
                        "compile it with faro.mesh<nodes = ?, ranks_per_node = ?>",
                        module.name(), show(mesh.nodes), show(mesh.ranks_per_node), describe(topology))};
  }
  const faro_abi_path path = pathOn(topology);
  for (uint32_t p = 0; p < module.abi().program_count; ++p) {
    const faro_abi_program &program = module.abi().programs[p];
    if (!scheduleOf(program, path))
      return {FARO_INVALID_ARGUMENT,
              fmt::format("{}: program {} has no schedule {}, and there are {}; compile it with faro.mesh<nodes = ?, "
                          "ranks_per_node = ?> and no path(...) of its own",
                          module.name(), program.name, path == FARO_ABI_DIRECT ? "within one node" : "across nodes",
                          describe(topology))};
  }
  return Status::ok();
}

} // namespace faro
