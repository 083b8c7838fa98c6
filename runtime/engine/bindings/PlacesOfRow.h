// The places of one of this rank's remote rows on the node that it goes to, as runs.
#pragma once

#include "runtime/engine/RunContext.h"

namespace faro {

/// Calls place(local index, row) for each item of the remote row, in the order of k.
template <typename PlaceFn> void forEachPlaceOf(const RunContext &run, uint32_t remoteRow, PlaceFn place) {
  const NodePlan &across = *run.batch->across;
  for (uint32_t i = across.rowItems[remoteRow]; i < across.rowItems[remoteRow + 1]; ++i) {
    const Place &each = run.batch->places[across.items[i]];
    place(run.topology().localIndex(each.rank), each.row);
  }
}

} // namespace faro
