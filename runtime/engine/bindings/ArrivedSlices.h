// Slices for the stages that read them where they arrived: checked against what this rank knows of their flow.
#pragma once

#include "runtime/engine/Binding.h"
#include "runtime/engine/RunContext.h"
#include "runtime/engine/Slice.h"

namespace faro {

/// Until a stage releases its slot, or the transport has it back.
struct ArrivedSlice {
  SliceReader reader;
  uint64_t rowsAt; ///< of row 0, as kernels see it
  uint64_t bytes;  ///< with its head
};

class ArrivedSlices {
public:
  /// The context and the stage must outlive it.
  ArrivedSlices(const RunContext &, const faro_abi_stage &);

  /// Slice n of the flow. DATA_LOSS, naming stage, slice and slot, when it is not what its flow has next.
  Expected<ArrivedSlice> open(FlowRun &flow, uint32_t n) const;
  /// What is wrong with it, with those names.
  Status damaged(const FlowRun &flow, uint32_t n, const Status &why) const;

  /// Rows of the windows that slices go to (in a dispatch the received rows, in a combine the partial rows), by local
  /// index.
  const std::vector<uint64_t> &windowRows() const { return rowsOfWindow; }

private:
  const RunContext &run;
  const faro_abi_stage &stage;
  std::vector<uint64_t> rowsOfWindow;
};

} // namespace faro
