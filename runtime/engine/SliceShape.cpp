#include "runtime/engine/SliceShape.h"

#include "runtime/engine/Slice.h"

#include <fmt/format.h>
#include <limits>

namespace faro {

/// Bytes of a slice of so many rows; without the rows where the ring holds heads only.
static uint64_t sliceBytes(const SliceShape &shape, uint64_t rows, bool headOnly) {
  return sliceHeadBytes(rows, rows * shape.mostPlaces) + (headOnly ? 0 : rows * shape.rowStride);
}

/// Joins the ring's slots so that a row fits. Returns how many rows then do.
static Expected<uint64_t> fit(const SliceShape &shape, const faro_abi_ring &ring, bool headOnly, RingShape &to,
                              const char *schedule) {
  const uint64_t one = sliceBytes(shape, 1, headOnly), together = (one + ring.slot_bytes - 1) / ring.slot_bytes;
  if (together > ring.slots)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("schedule {}: ring {} has {} slots of {} bytes, which together hold less than a row with "
                              "its places; expected at least {} bytes",
                              schedule, ring.name, ring.slots, ring.slot_bytes, one));
  to.slots = uint32_t(ring.slots / together);
  to.slotBytes = ring.slot_bytes * together;
  // A head is rounded up to a multiple of 64, which 64 rows have by themselves; so this may be one row too many.
  const uint64_t of64 = sliceBytes(shape, 65, headOnly) - one;
  uint64_t rows = 1 + (to.slotBytes - one) * 64 / of64;
  while (sliceBytes(shape, rows, headOnly) > to.slotBytes)
    --rows;
  return rows;
}

Expected<SliceShape> SliceShape::of(const faro_abi_program &program, const faro_abi_schedule &schedule, bool copies) {
  SliceShape shape;
  const bool combines = program.op == FARO_ABI_COMBINE;
  shape.mostPlaces = combines ? 1 : program.routes.topk;
  shape.rowBytes = combines ? program.row.columns * elementBytes(schedule.partial) : program.row.bytes;
  shape.rowStride = combines ? schedule.partial_stride : program.row.stride;
  if (shape.rowStride > std::numeric_limits<decltype(SliceHeader::stride)>::max())
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("schedule {}: rows are {} bytes apart; expected less than 4 GiB, to travel between nodes",
                              schedule.name, shape.rowStride));
  bool byReference = false;
  for (uint32_t s = 0; s < schedule.stage_count; ++s) {
    const faro_abi_stage &stage = schedule.stages[s];
    if (stage.op == FARO_ABI_STAGE_WIRE)
      shape.wire = s;
    byReference |= stage.op == FARO_ABI_STAGE_GATHER && stage.gather == FARO_ABI_BY_REFERENCE;
    for (uint32_t r = 0; r < schedule.ring_count; ++r)
      if (stage.releases >> r & 1)
        shape.rings[r].givenBackAt = kindOf(stage).end;
  }
  const faro_abi_stage &wire = schedule.stages[shape.wire];
  shape.rings[wire.into].perFlow = true;
  shape.ringCount = schedule.ring_count;
  shape.rowsPerSlice = std::numeric_limits<uint32_t>::max();
  for (uint32_t r = 0; r < schedule.ring_count; ++r) {
    shape.rings[r].name = schedule.rings[r].name;
    const auto rows = fit(shape, schedule.rings[r], byReference && r == wire.from, shape.rings[r], schedule.name);
    if (!rows)
      return rows.status();
    shape.rowsPerSlice = uint32_t(std::min<uint64_t>(shape.rowsPerSlice, *rows));
  }
  for (uint32_t r = 0; r < schedule.ring_count; ++r) {
    shape.rings[r].headBytes = sliceHeadBytes(shape.rowsPerSlice, uint64_t(shape.rowsPerSlice) * shape.mostPlaces);
    shape.rings[r].rowBytes = shape.rowsPerSlice * shape.rowStride;
  }
  // A slice with its rows fits where it arrives, so as many bytes hold it where it leaves.
  if (copies && byReference)
    shape.rings[wire.from].slotBytes = std::max(shape.rings[wire.from].slotBytes, shape.rings[wire.into].slotBytes);
  return shape;
}

} // namespace faro
