// The period of a hierarchical program: the maximum cycle ratio of its pipeline and its resources.
#include "compiler/Schedule/MaxCycleRatio.h"
#include "compiler/Schedule/ScheduleGraph.h"

using namespace mlir;

namespace faro::compiler {

SchedulePeriod periodOf(xfer::ProgramOp program, const ScheduleGraph &graph, const WireModel &wire) {
  SchedulePeriod result;
  result.rows = graph.rowsASlice();
  xfer::RingOp sent, received;
  bool byReference = false;
  for (size_t i = 0; i < graph.size(); ++i) {
    if (auto stage = dyn_cast<xfer::WireOp>(graph.stage(i).getOperation())) {
      sent = stage.getFrom().getDefiningOp<xfer::RingOp>();
      received = stage.getInto().getDefiningOp<xfer::RingOp>();
    }
    if (auto stage = dyn_cast<xfer::GatherOp>(graph.stage(i).getOperation()))
      byReference = stage.getBy() == xfer::GatherMode::Reference;
  }
  const SliceTimes times = sliceTimes(wire, result.rows, graph.rowStride(), byReference);
  MarkedGraph pipeline = pipelineGraph(times, graph.effectiveSlotsOf(sent), graph.effectiveSlotsOf(received));
  for (xfer::Resource resource : {xfer::Resource::Core, xfer::Resource::Nic}) {
    double taken = 0;
    for (size_t i = 0; i < graph.size(); ++i)
      if (xfer::StageOpInterface stage = graph.stage(i); stage.isPerSlice() && stage.getOn() == resource)
        taken += isa<xfer::WireOp>(stage.getOperation()) ? times.wire
                 : graph.isAtReceiver(i)                 ? times.scatter
                                                         : times.gather;
    // Handing slices to the wire, and taking notice of them, is a core's work, too.
    if (resource == xfer::Resource::Core)
      taken += 2 * times.post;
    const size_t actor = pipeline.addActor(("resource " + xfer::stringifyResource(resource)).str(), taken);
    pipeline.addEdge(actor, actor, 1, "one stage at a time");
  }
  const CycleRatio ratio = *maxCycleRatio(pipeline); // every working stage is a cycle by itself
  result.first = pipelineTime(times, 1, 1);
  result.period = ratio.ratio;
  result.bottleneck = ratio.cycle.size() == 1 ? pipeline.actors()[pipeline.edges()[ratio.cycle.front()].from].name
                                              : pipeline.describe(ratio.cycle);
  return result;
}

} // namespace faro::compiler
