// Rings and their slots (S12..S19, S25).
#include "compiler/Schedule/ScheduleRules.h"

using namespace mlir;

namespace faro::compiler {
namespace {

class RingVerifier {
public:
  RingVerifier(const ScheduleGraph &graph, xfer::RingOp ring) : graph(graph), ring(ring) {}

  LogicalResult verify() {
    return success(succeeded(verifyUsers()) && succeeded(verifyTokens()) && succeeded(verifySize()));
  }

private:
  xfer::StageOpInterface stage(size_t i) const { return graph.stage(i); }
  std::string quoted() { return ("\"" + ring.getName() + "\"").str(); }

  /// At the second of several stages, or at the ring when there is none.
  LogicalResult expectOne(ArrayRef<size_t> found, StringRef does) {
    if (found.size() == 1)
      return success();
    if (found.empty())
      return ring.emitError() << "ring " << quoted() << " expects one stage that " << does << " it, found none";
    InFlightDiagnostic error = errorAt(stage(found[1]))
                               << "also " << does << " ring " << quoted() << "; expected one stage that does";
    error.attachNote(stage(found[0])->getLoc()) << "stage '" << stage(found[0]).getStageName() << "' does, too";
    return error;
  }

  LogicalResult verifyUsers() {
    const SmallVector<size_t> writers = graph.writersOf(ring.getRing());
    SmallVector<size_t> readers = graph.readersOf(ring.getRing());
    llvm::erase_if(readers, [&](size_t reader) { return isa<xfer::SettleOp>(stage(reader).getOperation()); });
    // /*schedule_s13*/
    if (failed(expectOne(writers, "writes into")) || failed(expectOne(readers, "reads from")))
      return failure();
    writer = writers.front();
    reader = readers.front();
    return success();
  }

  LogicalResult verifyTokens() {
    const SmallVector<size_t> acquirers = graph.acquirersOf(ring.getRing());
    // /*schedule_s14*/
    if (!llvm::is_contained(acquirers, writer))
      return errorAt(stage(writer)) << "writes into ring " << quoted()
                                    << " and does not acquire it: a slot may still be "
                                    << "in use; add acquires(%" << ring.getName() << ")";
    for (size_t acquirer : acquirers)
      if (acquirer != writer)
        return errorAt(stage(acquirer)) << "acquires ring " << quoted() << " and does not write into it; expected only "
                                        << "its writer '" << stage(writer).getStageName() << "' to";
    // /*schedule_s15*/
    const SmallVector<size_t> releasers = graph.releasersOf(ring.getRing());
    if (releasers.empty())
      return errorAt(stage(reader)) << "is the last to use a slot of ring " << quoted()
                                    << ", and no stage releases it: "
                                    << "after " << ring.getSlots() << " slots nothing moves; add releases(%"
                                    << ring.getName() << ")";
    if (failed(expectOne(releasers, "releases")))
      return failure();
    for (size_t user : {writer, releasers.front()})
      for (ValueRange rings : {ValueRange(stage(user).getAcquires()), ValueRange(stage(user).getReleases())})
        if (llvm::count(rings, ring.getRing()) > 1)
          return errorAt(stage(user)) << "names ring " << quoted() << " twice in a list; expected one slot a slice";
    // /*schedule_s16*/
    if (graph.isAtReceiver(releasers.front()) != graph.isAtReceiver(reader) && graph.isAtReceiver(releasers.front()))
      return errorAt(stage(releasers.front()))
             << "fires where slices arrive and releases ring " << quoted()
             << ", whose slots are where they leave; expected stage '" << stage(reader).getStageName() << "' to";
    return success();
  }

  LogicalResult verifySize() {
    // /*schedule_s18*/
    if (graph.effectiveSlotsOf(ring) == 0)
      return ring.emitError() << "ring " << quoted() << " has " << ring.getSlots() << " x " << ring.getBytes()
                              << " bytes, and a row with its destinations takes " << graph.bytesOfOneRow(ring)
                              << "; expected slots that hold a row, adjacent ones together: raise bytes or slots";
    return success();
  }

  const ScheduleGraph &graph;
  xfer::RingOp ring;
  size_t writer = 0, reader = 0;
};

/// A flow goes from the stage that fills slots over the wire to the one that empties them, and not otherwise.
LogicalResult verifyEnds(const ScheduleGraph &graph) {
  for (size_t i = 0; i < graph.size(); ++i) {
    xfer::StageOpInterface stage = graph.stage(i);
    if (!stage.isPerSlice())
      continue;
    for (Value timepoint : stage.getAfter()) {
      auto before = timepoint.getDefiningOp<xfer::StageOpInterface>();
      if (!before || !before.isPerSlice())
        continue;
      const bool fromThere = isa<xfer::FanOutOp, xfer::SettleOp>(before.getOperation()),
                 isThere = graph.isAtReceiver(i);
      // /*schedule_s19*/
      if (fromThere != isThere && !(isThere && isa<xfer::WireOp>(before.getOperation())))
        return errorAt(stage) << "fires where slices " << (isThere ? "arrive" : "leave")
                              << " and cannot wait for stage '" << before.getStageName() << "', which fires where they "
                              << (fromThere ? "arrive" : "leave") << "; only the wire is known at both ends";
    }
  }
  return success();
}

/// What a settle sums is not stored by the fan_out, so both read the same rows.
LogicalResult verifySettle(const ScheduleGraph &graph) {
  const std::optional<size_t> settle = graph.find<xfer::SettleOp>();
  if (!settle)
    return success();
  xfer::StageOpInterface out = graph.stage(*graph.find<xfer::FanOutOp>());
  if (graph.stage(*settle).getFrom() == out.getFrom())
    return success();
  auto expected = out.getFrom().getDefiningOp<xfer::RingOp>();
  // /*schedule_s25*/
  return errorAt(graph.stage(*settle)) << "expects to read from ring \"" << expected.getName()
                                       << "\", whose rows stage '" << out.getStageName()
                                       << "' stores if it does not sum them";
}

} // namespace

LogicalResult verifyRings(xfer::ProgramOp program, const ScheduleGraph &graph) {
  for (xfer::RingOp ring : xfer::ringsOf(program)) {
    // /*schedule_s12*/
    if (program.getPath() != ir::Path::Hierarchical)
      return ring.emitError() << "ring \"" << ring.getName() << "\" has no slices to hold: rows of a program on path("
                              << ir::stringifyPath(program.getPath()) << ") go straight to their places";
    if (failed(RingVerifier(graph, ring).verify()))
      return failure();
  }
  return success(succeeded(verifyEnds(graph)) && succeeded(verifySettle(graph)));
}

LogicalResult verifySlots(xfer::ProgramOp program, const ScheduleGraph &graph) {
  const std::optional<MarkedGraph::Unsafe> unsafe = graph.graph().findUnsafePool();
  if (!unsafe)
    return success();
  const SlotPool &pool = graph.graph().pools()[unsafe->pool];
  xfer::StageOpInterface writer = graph.stage(pool.writer), reader = graph.stage(unsafe->reader);
  // /*schedule_s17*/
  if (unsafe->fault == MarkedGraph::Unsafe::Fault::ReadTooEarly)
    return errorAt(reader) << "reads slots of ring \"" << pool.name << "\" and does not come after stage '"
                           << writer.getStageName() << "', which writes them";
  xfer::StageOpInterface releaser;
  for (xfer::RingOp ring : xfer::ringsOf(program))
    if (ring.getName() == pool.name)
      releaser = graph.stage(graph.releasersOf(ring.getRing()).front());
  return errorAt(releaser) << "releases slots of ring \"" << pool.name << "\" that stage '" << reader.getStageName()
                           << "' may still read; expected that stage, or one after it, to release them";
}

} // namespace faro::compiler
