// Rows in memory that several ranks of a machine load from and store to.
#pragma once

#include "runtime/core/SharedView.h"
#include "tests/bench/control.h"

#include <cstddef>
#include <vector>

namespace faro::bench {

/// A System V segment of each of `members`, mapped by all of them: what symmetric memory is made of too, on the same
/// pages. Its owner touches all of it first.
class SharedRows {
public:
  /// Collective of all ranks of the control; `members` are those that share memory with this one, itself among them.
  SharedRows(Control &control, const std::vector<int> &members, size_t bytes);
  ~SharedRows();
  SharedRows(const SharedRows &) = delete;
  SharedRows &operator=(const SharedRows &) = delete;

  char *mine() const { return of(self); }
  char *of(int rank) const { return reinterpret_cast<char *>(view[size_t(rank)].base()); } ///< null: it is no member
  void wipe();                                                                             ///< this rank's
  void flush();

private:
  int self;
  size_t bytes;
  std::vector<void *> mapped; ///< by rank, like the views
  std::vector<SharedView> view;
};

} // namespace faro::bench
