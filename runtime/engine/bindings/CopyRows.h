// Rows from where they lie to other places, by a push kernel: one place each (RowKernels::copy).
#pragma once

#include "runtime/engine/RunContext.h"

namespace faro {

/// Adds a row to the list, to its last run where it continues it.
inline void addSource(std::vector<SourceRun> &sources, const std::byte *row, int64_t stride) {
  if (!sources.empty()) {
    SourceRun &last = sources.back();
    if (last.stride == stride && last.first + last.rows * stride == row) {
      ++last.rows;
      return;
    }
  }
  sources.push_back({row, stride, 1});
}

} // namespace faro
