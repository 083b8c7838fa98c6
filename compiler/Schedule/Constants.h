// The figures that schedules are made with, and where each comes from.
#pragma once

#include "dialect/Xfer/XferDialect.h"

#include "llvm/Support/MathExtras.h"

#include <cstdint>

namespace faro::compiler {

/// A cache line. Stores past the cache move whole lines; a part of one costs two to three times as much.
constexpr int64_t LineBytes = 64;

/// From here on a row is worth padding to whole lines: it costs at most 63 / 512 of the memory, and rows of 0.5 to 2 KB
/// that straddle lines reach only 0.63 to 0.81 of the store bound, against 0.97 for whole lines. Smaller rows lie next
/// to each other: padding a row of 2 bytes to 64 would move 32 times as much.
constexpr int64_t PaddedRowBytes = 512;

/// The size of a second-level cache (2 MiB on the processors measured). An output that does not fit is gone from the
/// cache before anybody reads it, and stores past the cache are 2.2 times as fast; one that fits is still there, and
/// plain stores are 1.2 to 5 times as fast.
constexpr int64_t StreamingThreshold = int64_t(2) << 20;

/// How far apart rows of so many bytes lie in memory that Faro owns.
inline int64_t rowStrideOf(int64_t rowBytes) {
  return rowBytes >= PaddedRowBytes ? int64_t(llvm::alignTo(uint64_t(rowBytes), uint64_t(LineBytes))) : rowBytes;
}

/// The same of partial rows: rows of as many columns of the partial element. Requires program.hasPartials().
inline int64_t partialStrideOf(xfer::ProgramOp program) {
  return rowStrideOf(program.getRowsType().getPlanes().front().columns *
                     (program.getPartialElement().getIntOrFloatBitWidth() / 8));
}

} // namespace faro::compiler
