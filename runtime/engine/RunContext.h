// What a run works on: the session's parts, the batch, and the schedule's rings.
#pragma once

#include "faro/module.h"
#include "faro/session.h"
#include "runtime/engine/RowKernels.h"
#include "runtime/engine/SessionWindows.h"
#include "runtime/engine/SignalBoard.h"
#include "runtime/engine/SliceRings.h"

#include <memory>

namespace faro {

class PartialSums;
class SliceExchange;

/// Memory that runs use again and again. Whoever fills it uses it up before anybody else runs.
struct RunScratch {
  /// Rows that a kernel writes begin at one of these.
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<uint64_t> addresses;
  std::vector<float> weights;
  std::vector<uint32_t> offsets;
  std::vector<Line> rows;
};

/// What a session lends to its runs. Before a run starts the windows that it uses must have room for the batch.
struct RunParts {
  Communicator *communicator = nullptr;
  const Module *module = nullptr;
  SignalBoard *board = nullptr;
  SliceExchange *exchange = nullptr; ///< null when all ranks are on one node
  const SessionWindows *windows = nullptr;
  SessionStatistics *statistics = nullptr;
  RunScratch *scratch = nullptr;
  cuda::SessionDevice *device = nullptr; ///< where rows lie; null: in host memory
  const StageObserver *onStage = nullptr;
};

struct RunContext {
  RunParts parts;
  const faro_abi_program *program = nullptr;
  const faro_abi_schedule *schedule = nullptr;
  const Batch *batch = nullptr;
  SignalTag mine;                      ///< what this rank says with its flags
  SliceRings *rings = nullptr;         ///< null for a direct schedule
  uint64_t call = 0;                   ///< calls of this program before this one
  std::unique_ptr<RowKernels> kernels; ///< where the rows are
  std::unique_ptr<PartialSums> sums;   ///< of a combine across nodes

  RunContext();
  ~RunContext();

  const Topology &topology() const { return parts.communicator->topology(); }
  uint32_t rank() const { return parts.communicator->rank(); }
  uint32_t node() const { return topology().nodeOf(rank()); }
  /// The ranks of this node, by local index.
  std::span<const uint32_t> nodeRanks() const { return faro::nodeRanks(*parts.communicator); }

  template <typename Fn> Fn kernel(uint32_t index) const {
    return reinterpret_cast<Fn>(parts.module->kernels().kernels[index].entry);
  }
  /// The stage's kernel for so many bytes of output, which lies at multiples of 64 or not. On a device there is one.
  uint32_t kernelIndex(const faro_abi_stage &stage, uint64_t bytes, bool aligned) const {
    return parts.device ? stage.kernel : kernelOf(*program, stage, bytes, aligned);
  }
  /// A pull's for all of `out`: past the cache if its streaming form takes such rows (faro_abi_pull_fn).
  uint32_t pullKernel(const faro_abi_stage &stage, const Rows &out) const;
};

} // namespace faro
