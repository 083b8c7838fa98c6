// The stages of one program as a graph, as every rank runs it.
//
// Edges: from each stage of `after`, and from `notify F` to `await F`: an await waits for every rank's notify, its own
// among them. So a path in this graph is an order in time on each rank; and since all ranks run the same program, what
// comes before a rank's `notify F` has happened on every rank when any rank's `await F` is done.
#pragma once

#include "dialect/Xfer/XferDialect.h"

#include "llvm/ADT/BitVector.h"

#include <optional>

namespace faro::compiler {

class StageGraph {
public:
  explicit StageGraph(xfer::ProgramOp program);

  /// A stage that comes before itself, if there is one. The others are then of no use.
  std::optional<size_t> findCycle() const;
  /// Whether stage `a` is done before stage `b` fires.
  bool isBefore(size_t a, size_t b) const { return before[b].test(a); }

  /// The indices of the stages of one kind (and flag).
  llvm::SmallVector<size_t> notifiesOf(llvm::StringRef flag) const;
  llvm::SmallVector<size_t> awaitsOf(llvm::StringRef flag) const;

private:
  llvm::SmallVector<xfer::StageOpInterface> stages; ///< in program order; an index below is a place here
  /// before[i]: all stages from which a path leads to stage i.
  llvm::SmallVector<llvm::BitVector> before;
};

} // namespace faro::compiler
