// The figures that schedules are made with, and the reason for each.
#pragma once

#include "dialect/Xfer/XferDialect.h"

#include "llvm/Support/MathExtras.h"

#include <cstdint>

namespace faro::compiler {

/// A cache line. Stores past the cache move whole lines; a part of one costs a read and a write of memory.
constexpr int64_t LineBytes = 64;

/// The smallest page, which shared memory has unless the system is told otherwise.
constexpr int64_t PageBytes = 4096;

/// From here on a row is worth padding to whole lines: it costs at most 63 / 512 of the memory, and the two lines that
/// a row shares with its neighbours are much of a row of 0.5 to 2 KB. Smaller rows lie next to each other: padding a
/// row of 2 bytes to 64 would move 32 times as much.
constexpr int64_t PaddedRowBytes = 512;

/// The size of a second-level cache. An output that does not fit is gone from the cache before anybody reads it, and
/// plain stores would have read its lines for nothing; one that fits is still there, and stores past the cache would
/// send it to memory and back.
constexpr int64_t StreamingThreshold = int64_t(2) << 20;

/// How far apart rows of so many bytes lie in memory that Faro owns.
inline int64_t rowStrideOf(int64_t rowBytes) {
  return rowBytes >= PaddedRowBytes ? int64_t(llvm::alignTo(uint64_t(rowBytes), uint64_t(LineBytes))) : rowBytes;
}

/// The same of partial rows: rows of as many columns of the partial element. Those of the program's own element are as
/// far apart as the program says, by hand or not. Requires program.hasPartials().
inline int64_t partialStrideOf(xfer::ProgramOp program) {
  const ir::Plane &plane = program.getRowsType().getPlanes().front();
  if (program.getPartialElement() == plane.element)
    return int64_t(program.getRowStride());
  return rowStrideOf(plane.columns * (program.getPartialElement().getIntOrFloatBitWidth() / 8));
}

} // namespace faro::compiler
