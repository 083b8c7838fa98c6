// The stages of one program as a marked graph, as every rank of every node runs them.
//
// Actors are the stages; an edge is what a stage waits for:
//
//   after(%s)   from s, no token
//   a flag      from `notify F` to each `await F`, no token: an await waits for every rank's notify, its own too
//   a ring      from who releases it to who acquires it, one token a slot that can hold a slice (effectiveSlots)
//
// All ranks run the same program, so one graph stands for all of them: what is before a rank's `notify F` has happened
// on every rank of its node when any rank's `await F` is done. A resource is no edge. A stage waits before it takes its
// resource and never while it holds it, so resources cannot close a cycle; they bound the period only.
//
// Stages that move slices fire once for each slice of each flow, the others once. Two consequences:
//
//   - Tokens of a ring count slices. A stage that fires once stands for all slices, however many there are: on a cycle
//     through it no number of slots is enough (findStuck).
//   - A flow leaves one node and arrives at another. What a stage at its receiver learns from the wire is about
//     the node that sent the slice, not about its own (isBefore).
#pragma once

#include "compiler/Schedule/CostModel.h"
#include "compiler/Schedule/MarkedGraph.h"
#include "dialect/Xfer/XferDialect.h"

#include "llvm/ADT/BitVector.h"

#include <optional>

namespace faro::compiler {

class ScheduleGraph {
public:
  explicit ScheduleGraph(xfer::ProgramOp program);

  /// The stages in program order; an index below, and an actor of the graph, is a place there.
  xfer::StageOpInterface stage(size_t i) const { return stageList[i]; }
  size_t size() const { return stageList.size(); }
  const MarkedGraph &graph() const { return marked; }

  /// Edges of a cycle that keeps its stages from ever firing; the others then are of no use. It holds no token, or goes
  /// through a stage that fires once.
  std::optional<std::vector<size_t>> findStuck() const;

  /// Whether each firing of stage `b` waits for stage `a` here, at the rank where `b` fires: for its firing for the
  /// same slice if both are once a slice, for all of its firings if only `a` is. If a flag lies between them, then for
  /// `a` at every rank of the node.
  bool isBefore(size_t a, size_t b) const { return before[b].test(unsigned(a)); }

  /// The first stage of a kind.
  template <typename Op> std::optional<size_t> find() const {
    for (size_t i = 0; i < size(); ++i)
      if (mlir::isa<Op>(stage(i).getOperation()))
        return i;
    return std::nullopt;
  }
  llvm::SmallVector<size_t> notifiesOf(llvm::StringRef flag) const;
  llvm::SmallVector<size_t> awaitsOf(llvm::StringRef flag) const;

  /// Whether stage `i` fires at the receiver of a flow; others that are once a slice fire at the sender.
  bool isAtReceiver(size_t i) const;
  /// The stages that have a ring in the given role.
  llvm::SmallVector<size_t> writersOf(mlir::Value ring) const;
  llvm::SmallVector<size_t> readersOf(mlir::Value ring) const;
  llvm::SmallVector<size_t> acquirersOf(mlir::Value ring) const;
  llvm::SmallVector<size_t> releasersOf(mlir::Value ring) const;

  /// Bytes from row to row of a slice, and the most destinations of one.
  uint64_t rowStride() const;
  uint64_t destinations() const;
  /// What a slice of one row takes of a ring, and how many of these the ring holds.
  uint64_t bytesOfOneRow(xfer::RingOp ring) const;
  uint64_t effectiveSlotsOf(xfer::RingOp ring) const;

  /// How many rows a slice has: what all rings hold.
  uint64_t rowsASlice() const;

private:
  bool isByReference(xfer::RingOp ring) const;
  void addEdges();
  void close();

  xfer::ProgramOp program;
  llvm::SmallVector<xfer::StageOpInterface> stageList;
  MarkedGraph marked;
  llvm::SmallVector<llvm::BitVector> before; ///< before[i]: all stages that are before stage i
};

/// What a slice costs, and how many come after each other.
struct SchedulePeriod {
  uint64_t rows = 0;      ///< of a slice
  double first = 0;       ///< ns until the first slice is done
  double period = 0;      ///< ns from slice to slice
  std::string bottleneck; ///< the cycle that takes so long: "wire", "gather -> post -> wire -> completion -> gather"
};
/// For a hierarchical program that verifies. A resource is a cycle with one token through the stages that take it; it
/// stands apart from the others, as each rank sends and receives, and the order in which stages take it is free.
SchedulePeriod periodOf(xfer::ProgramOp program, const ScheduleGraph &graph, const WireModel &wire);

} // namespace faro::compiler
