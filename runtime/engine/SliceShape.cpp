#include "runtime/engine/SliceShape.h"

#include "runtime/engine/Slice.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace faro {

bool isOnceASlice(const faro_abi_stage &stage) {
  return stage.op == FARO_ABI_STAGE_GATHER || stage.op == FARO_ABI_STAGE_REDUCE || stage.op == FARO_ABI_STAGE_WIRE ||
         stage.op == FARO_ABI_STAGE_FAN_OUT;
}

FlowEnd endOf(const faro_abi_stage &stage) {
  return stage.op == FARO_ABI_STAGE_FAN_OUT ? FlowEnd::Receiver : FlowEnd::Sender;
}

namespace {

class Maker {
public:
  Maker(const faro_abi_program &program, const faro_abi_schedule &schedule) : program(program), schedule(schedule) {}

  Expected<SliceShape> make() {
    describeRows();
    shape.ringCount = schedule.ring_count;
    for (uint32_t r = 0; r < schedule.ring_count; ++r)
      shape.rings[r].name = schedule.rings[r].name;
    FARO_RETURN_IF_ERROR(findWire());
    FARO_RETURN_IF_ERROR(findEnds());
    FARO_RETURN_IF_ERROR(checkOrder());
    FARO_RETURN_IF_ERROR(fit());
    return shape;
  }

private:
  template <typename... Args> Status bad(fmt::format_string<Args...> text, Args &&...args) const {
    return {FARO_INVALID_ARGUMENT,
            fmt::format("schedule {}: {}", schedule.name, fmt::format(text, std::forward<Args>(args)...))};
  }

  void describeRows() {
    if (program.op == FARO_ABI_COMBINE) {
      shape.mostPlaces = 1;
      shape.rowBytes = program.row.columns * elementBytes(schedule.partial);
      shape.rowStride = schedule.partial_stride;
    } else {
      shape.mostPlaces = program.routes.topk;
      shape.rowBytes = program.row.bytes;
      shape.rowStride = program.row.stride;
    }
  }

  Status findWire() {
    uint32_t wires = 0;
    for (uint32_t s = 0; s < schedule.stage_count; ++s)
      if (schedule.stages[s].op == FARO_ABI_STAGE_WIRE) {
        shape.wire = s;
        ++wires;
      }
    if (wires != 1)
      return bad("it has {} wires, expected one", wires);
    const faro_abi_stage &wire = schedule.stages[shape.wire];
    if (wire.from >= schedule.ring_count || wire.into >= schedule.ring_count || wire.from == wire.into)
      return bad("stage {} needs one ring to take slices from and another one to put them into", wire.name);
    shape.rings[wire.into].perFlow = true;
    return Status::ok();
  }

  Status findEnds() {
    for (uint32_t s = 0; s < schedule.stage_count; ++s) {
      const faro_abi_stage &stage = schedule.stages[s];
      if ((stage.acquires | stage.releases) && !isOnceASlice(stage))
        return bad("stage {} fires once and cannot take or give back slots", stage.name);
      for (uint32_t r = 0; r < schedule.ring_count; ++r) {
        RingShape &ring = shape.rings[r];
        if (stage.acquires >> r & 1) {
          if (ring.taken)
            return bad("slots of ring {} are taken twice, again by stage {}", ring.name, stage.name);
          ring.taken = true;
          ring.takenAt = endOf(stage);
        }
        if (stage.releases >> r & 1) {
          if (ring.givenBack)
            return bad("slots of ring {} are given back twice, again by stage {}", ring.name, stage.name);
          ring.givenBack = true;
          ring.givenBackAt = endOf(stage);
        }
      }
    }
    for (uint32_t r = 0; r < schedule.ring_count; ++r) {
      const RingShape &ring = shape.rings[r];
      if (ring.taken && ring.givenBack && ring.takenAt == FlowEnd::Receiver && ring.givenBackAt == FlowEnd::Sender)
        return bad("slots of ring {} are given back where slices leave, before they are taken where slices arrive",
                   ring.name);
    }
    const faro_abi_stage &wire = schedule.stages[shape.wire];
    for (uint32_t r : {wire.from, wire.into})
      if (!shape.rings[r].taken || shape.rings[r].takenAt != FlowEnd::Sender)
        return bad("nobody takes slots of ring {} for stage {}", shape.rings[r].name, wire.name);
    return Status::ok();
  }

  Status checkOrder() {
    const faro_abi_stage &wire = schedule.stages[shape.wire];
    for (uint32_t s = 0; s < schedule.stage_count; ++s) {
      const faro_abi_stage &stage = schedule.stages[s];
      if (!isOnceASlice(stage))
        continue;
      const bool makes = stage.op == FARO_ABI_STAGE_GATHER || stage.op == FARO_ABI_STAGE_REDUCE;
      if (makes && stage.into != wire.from)
        return bad("stage {} must fill slots of the ring {} that stage {} sends", stage.name,
                   shape.rings[wire.from].name, wire.name);
      if (stage.op == FARO_ABI_STAGE_FAN_OUT && stage.from != wire.into)
        return bad("stage {} must read slots of the ring {} that stage {} fills", stage.name,
                   shape.rings[wire.into].name, wire.name);
      for (uint32_t i = 0; i < stage.after_count; ++i) {
        const faro_abi_stage &before = schedule.stages[stage.after[i]];
        if (isOnceASlice(before) && endOf(stage) == FlowEnd::Sender && endOf(before) == FlowEnd::Receiver)
          return bad("stage {} runs where slices leave and cannot wait for stage {}, which runs where they arrive",
                     stage.name, before.name);
      }
    }
    return Status::ok();
  }

  /// Bytes of a slice in a ring.
  uint64_t sliceBytes(uint32_t ring, uint64_t rows) const {
    const bool headOnly = byReference && ring == schedule.stages[shape.wire].from;
    return sliceHeadBytes(rows, rows * shape.mostPlaces) + (headOnly ? 0 : rows * shape.rowStride);
  }

  Status fit() {
    for (uint32_t s = 0; s < schedule.stage_count; ++s)
      byReference |=
          schedule.stages[s].op == FARO_ABI_STAGE_GATHER && schedule.stages[s].gather == FARO_ABI_BY_REFERENCE;
    shape.rowsPerSlice = std::numeric_limits<uint32_t>::max();
    for (uint32_t r = 0; r < schedule.ring_count; ++r) {
      const faro_abi_ring &ring = schedule.rings[r];
      const uint64_t one = sliceBytes(r, 1),
                     together = (one + ring.slot_bytes - 1) / std::max<uint64_t>(ring.slot_bytes, 1);
      if (ring.slot_bytes == 0 || together > ring.slots)
        return bad("ring {} has {} slots of {} bytes, which together hold less than a row with its places; expected at "
                   "least {} bytes",
                   ring.name, ring.slots, ring.slot_bytes, one);
      shape.rings[r].slots = uint32_t(ring.slots / together);
      shape.rings[r].slotBytes = ring.slot_bytes * together;
      // A head's size is a multiple of 64, so this may be one row too many.
      const uint64_t perRow = sliceBytes(r, 65) - sliceBytes(r, 1);
      uint64_t rows = 1 + (shape.rings[r].slotBytes - one) * 64 / perRow;
      while (sliceBytes(r, rows) > shape.rings[r].slotBytes)
        --rows;
      shape.rowsPerSlice = uint32_t(std::min<uint64_t>(shape.rowsPerSlice, rows));
    }
    return Status::ok();
  }

  const faro_abi_program &program;
  const faro_abi_schedule &schedule;
  SliceShape shape;
  bool byReference = false;
};

} // namespace

Expected<SliceShape> SliceShape::of(const faro_abi_program &program, const faro_abi_schedule &schedule) {
  return Maker(program, schedule).make();
}

} // namespace faro
