// The schedules of path(hierarchical): within a node as on the direct path, between nodes one copy of a row for each
// (token, node), in slices.
//
//   dispatch   hand ─"handed"─► gather ─► wire ─ ─► fan_out ─┐
//              push (own node's items) ──────────────────────┴─► "done"
//
//   combine    ask ─► reduce ─► wire ─ ─► settle ─► fan_out ─"landed"─► pull (own items, and partial rows) ─► "done"
//                                         (the same, from the slot, for tokens that need nothing else)
#include "compiler/Schedule/StageBuilder.h"

using namespace mlir;

namespace faro::compiler {

static void buildDispatch(StageBuilder &stages, xfer::ProgramOp program, WireClass wire) {
  const SliceChoice slices =
      chooseSlices(wire, uint64_t(program.getRowStride()), uint64_t(program.getRoutesType().getTopk()));
  Value tx = stages.ring("tx", slices), rx = stages.ring("rx", slices);
  Value open = stages.notify("open", {});
  Value pad = stages.pad();
  Value in = stages.await("open", open);
  // Rows that leave by another rank's rail first: that rank waits for them, and nobody waits for the rest of the node's
  // own items.
  Value hand = stages.run<xfer::HandOp>(in, "_push", /*streams=*/false);
  Value have = stages.await("handed", stages.notify("handed", hand));
  Value full = stages.gather({in, have}, tx, slices.byReference, "_push");
  Value there = stages.wire(full, tx, rx);
  // The wire says that the sender's node is in this program; `in` says it of the node where the rows are stored.
  Value out = stages.fanOut({in, there}, rx, "_push", /*streams=*/true);
  // Behind the slices in program order, so that the wire is busy before the cores turn to what needs no wire.
  Value push = stages.run<xfer::PushOp>(in, "_push", /*streams=*/true);
  SmallVector<Value, 2> last{stages.notify("done", {push, out})};
  if (pad)
    last.push_back(pad);
  stages.await("done", last);
}

static void buildCombine(StageBuilder &stages, xfer::ProgramOp program, WireClass wire) {
  // With partial rows of the row's own type one kernel sums items to shares and shares to results. Each partial row
  // goes to one place.
  const Type element = program.getRowsType().getPlanes().front().element;
  const bool sameType = program.getPartialElement() == element;
  const StringRef share = sameType ? "_pull" : "_share", add = sameType ? "_pull" : "_add";
  const SliceChoice slices = chooseSlices(wire, uint64_t(partialStrideOf(program)), /*destinations=*/1);
  Value tx = stages.ring("tx", slices), rx = stages.ring("rx", slices);
  // Asking needs nobody's rows, and the others' forwarders wait for it.
  Value ask = stages.ask({});
  Value in = stages.await("open", stages.notify("open", {}));
  Value part = stages.reduce({in, ask}, tx, share);
  Value there = stages.wire(part, tx, rx);
  // What is summed while slices travel need not be summed when the last one is there, nor be stored in between.
  Value some = stages.settle({in, there}, rx, add, share);
  Value land = stages.fanOut({in, there, some}, rx, "_land", /*streams=*/true);
  Value landed = stages.await("landed", stages.notify("landed", land));
  Value sum = stages.pull({some, landed}, add, share);
  // What others asked of me reads this node's rows too: only then may they change.
  stages.await("done", stages.notify("done", {sum, part}));
}

void buildHierarchical(StageBuilder &stages, xfer::ProgramOp program, WireClass wire) {
  if (program.getShuffle() == xfer::Shuffle::Dispatch)
    buildDispatch(stages, program, wire);
  else
    buildCombine(stages, program, wire);
}

} // namespace faro::compiler
