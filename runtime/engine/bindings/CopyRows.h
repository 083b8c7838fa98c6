// Rows from where they lie to other places, by a push kernel: one place each.
#pragma once

#include "runtime/engine/RunContext.h"

namespace faro {

/// Rows at equal distances.
struct SourceRun {
  const std::byte *first;
  int64_t stride;
  uint32_t rows;
};

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

/// Row i of all to `to[i]`. `iota` holds 0, 1, 2 ... and grows as needed.
inline void copyRows(faro_abi_push_fn kernel, const std::vector<SourceRun> &sources, const uint64_t *to,
                     std::vector<uint32_t> &iota) {
  for (const SourceRun &source : sources) {
    while (iota.size() <= source.rows)
      iota.push_back(uint32_t(iota.size()));
    kernel(source.first, source.stride, iota.data(), to, 0, source.rows);
    to += source.rows;
  }
}

} // namespace faro
