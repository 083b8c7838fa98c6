// A rail's transit window: rows that other ranks of its node hand to it, and the places of each, for the slice that it
// goes into. Rows lie where rows do, on a device or not; places are for ranks to read, and lie in host memory.
//
//   transit          row, up to a multiple of 64 | ...
//   transitPlaces    number of runs | runs, room for top-k of them | up to a multiple of 64 | ...
#pragma once

#include "runtime/engine/RunContext.h"
#include "runtime/engine/Slice.h"

namespace faro {

class TransitWindow {
public:
  TransitWindow(const RunContext &run, uint32_t rail)
      : rows(run.parts.windows->transit.of(rail)), places(run.parts.windows->transitPlaces.of(rail)),
        rowBytes(transitRowBytes(*run.program)), placeBytes(transitPlaceBytes(*run.program)) {}

  std::byte *row(uint32_t index) const { return rows + index * rowBytes; }
  /// Bytes from row to row.
  int64_t stride() const { return int64_t(rowBytes); }
  uint64_t &runCount(uint32_t index) const { return *reinterpret_cast<uint64_t *>(places + index * placeBytes); }
  SliceRun *runs(uint32_t index) const {
    return reinterpret_cast<SliceRun *>(places + index * placeBytes + sizeof(uint64_t));
  }

private:
  std::byte *rows, *places;
  uint64_t rowBytes, placeBytes;
};

} // namespace faro
