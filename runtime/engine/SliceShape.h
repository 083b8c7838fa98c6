// How a schedule's slices fit into its rings, and where the schedule's tokens are kept. The same on all ranks, since it
// follows from the module alone: a sender and a receiver count the slices of a flow alike and never have to tell.
#pragma once

#include "faro/module.h"
#include "faro/status.h"
#include "runtime/core/StageKinds.h"

#include <algorithm>
#include <array>
#include <string>

namespace faro {

/// A ring as slices see it: a slice larger than a slot takes several adjacent ones, which are one here. Slots are taken
/// where slices leave, and tokens are counted there; when a slot is given back at the other end, a message says so.
struct RingShape {
  const char *name = nullptr;
  uint64_t slotBytes = 0;
  uint64_t headBytes = 0, rowBytes = 0; ///< the most that a slice has of either
  uint32_t slots = 0;
  bool perFlow = false; ///< once for each flow that arrives; else once a rank
  FlowEnd givenBackAt = FlowEnd::Sender;
};

struct SliceShape {
  uint32_t wire = 0;         ///< the stage
  uint32_t rowsPerSlice = 0; ///< of all slices of a flow but the last
  uint32_t mostPlaces = 0;   ///< of one row
  uint64_t rowBytes = 0;     ///< of a row, without what lies between rows
  uint64_t rowStride = 0;    ///< bytes from row to row in a slot that rows are copied to
  uint32_t ringCount = 0;
  std::array<RingShape, FARO_ABI_MAX_RINGS> rings;

  uint32_t slices(uint64_t rows) const { return uint32_t((rows + rowsPerSlice - 1) / rowsPerSlice); }
  /// Of slice `n` of a flow.
  uint32_t rowsOfSlice(uint32_t n, uint32_t rowsOfFlow) const {
    return std::min(rowsPerSlice, rowsOfFlow - n * rowsPerSlice);
  }

  /// For a hierarchical schedule that has passed the module's check: one gather or reduce, one wire, one fan_out, each
  /// ring's slots taken by the stage that fills them. INVALID_ARGUMENT, naming the ring, when one holds less than a
  /// row. `copies`: rows go to slots even where the schedule gathers by reference; slices are the same.
  static Expected<SliceShape> of(const faro_abi_program &program, const faro_abi_schedule &schedule, bool copies);
};

} // namespace faro
