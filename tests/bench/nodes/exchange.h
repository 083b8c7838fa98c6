// One rank's part of an exchange of slices, with other work in the pauses of the wire.
#pragma once

#include "tests/bench/nodes/wire.h"

namespace faro::bench {

struct Exchange {
  /// Rows to each rank, and how many come.
  std::vector<size_t> rows;
  size_t expected = 0;
  int sliceRows = 1;
  /// The rows [first, first + count) to `to`. May say that it cannot yet: an empty list.
  std::function<Segments(int to, size_t first, size_t count)> slice;
  /// See Wire::Hooks.
  std::function<void(const SliceHeader &, const char *data)> come;
  std::function<void(const SliceHeader &, int to)> sent = [](const SliceHeader &, int) {};
  /// A little of what this rank has to do besides; false when there is none at the moment. Whatever is left when the
  /// exchange is over is the caller's to finish.
  std::function<bool()> work = [] { return false; };
};

/// Sends the slices in turn to all ranks, beginning with another one on each rank, and returns when all are out and
/// `expected` rows have arrived.
void exchange(Wire &wire, int self, const Exchange &x);

} // namespace faro::bench
