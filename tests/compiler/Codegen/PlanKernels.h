// The plan kernels of a spec, compiled for this machine, and ranks to run them for: memory as a device's shuffle has
// it.
#pragma once

#include "compiler/Codegen/Module/JitModule.h"
#include "runtime/plan/Planner.h"

#include <memory>
#include <string>
#include <vector>

namespace faro::test {

struct PlanSpec {
  uint32_t topk, experts, align, columns;
  std::string placement; ///< "block", "round_robin", "table [...]"
};

/// Throws when anything goes wrong.
std::unique_ptr<compiler::JitModule> compilePlan(const PlanSpec &spec);

using Numbers32 = std::vector<uint32_t>;
using Numbers = std::vector<uint64_t>;

/// One rank's memory.
struct PlanRank {
  faro_abi_plan_area area{};
  Numbers32 owner, expertsBy, position, firstOfRank, counts, offsets, choices, board;
  Numbers faults, sent, starts, totals, bases, rows, destinations, sources, status, signals;
  Numbers boards, allSignals, received, outputs;
  std::vector<float> weights;
  std::vector<int64_t> expertOffsets, expertCounts;
  std::vector<std::byte> window, outputWindow;
};

/// All ranks of a node, in one process.
class PlanRanks {
public:
  PlanRanks(const faro_abi_module &module, uint32_t ranks, int64_t mostTokens, uint64_t capacity);

  const faro_abi_program &program() const { return *program_; }
  const ExpertMap &map() const { return map_; }
  uint32_t size() const { return uint32_t(ranks.size()); }
  PlanRank &operator[](uint32_t rank) { return ranks[rank]; }

  /// One kernel of one rank.
  void run(uint32_t index, uint32_t rank, const void *given, int64_t number, const int64_t *tokens = nullptr);
  /// One meeting, each rank in a thread.
  void meet(faro_abi_meeting meeting);
  /// A batch up to its lists and padding.
  void plan(const std::vector<std::vector<int64_t>> &routing, const std::vector<int64_t> &numbers,
            const std::vector<const int64_t *> &tokens = {});

private:
  const faro_abi_module &module;
  const faro_abi_program *program_;
  ExpertMap map_;
  std::vector<PlanRank> ranks;
};

} // namespace faro::test
