// A rail's transit window: rows that other ranks of its node hand to it, each with its places beside it.
//
//   row, up to a multiple of 64 | number of runs | runs, room for top-k of them | up to a multiple of 64
#pragma once

#include "runtime/engine/RunContext.h"
#include "runtime/engine/Slice.h"

namespace faro {

class TransitWindow {
public:
  TransitWindow(const RunContext &run, uint32_t rail)
      : base(run.parts.windows->transit.of(rail)), rowBytes(roundUp(run.program->row.stride)),
        stride_(transitRowBytes(*run.program)) {}

  std::byte *row(uint32_t index) const { return base + index * stride_; }
  /// Bytes from row to row.
  int64_t stride() const { return int64_t(stride_); }
  uint64_t &runCount(uint32_t index) const { return *reinterpret_cast<uint64_t *>(row(index) + rowBytes); }
  SliceRun *runs(uint32_t index) const {
    return reinterpret_cast<SliceRun *>(row(index) + rowBytes + sizeof(uint64_t));
  }

  static constexpr uint64_t roundUp(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

private:
  std::byte *base;
  uint64_t rowBytes, stride_;
};

} // namespace faro
