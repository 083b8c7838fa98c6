// What comes before what, so that no memory is touched too early or given up too early (S6, S7, S20..S23).
#include "compiler/Schedule/ScheduleRules.h"

using namespace mlir;

namespace faro::compiler {
namespace {

class OrderVerifier {
public:
  OrderVerifier(xfer::ProgramOp program, const ScheduleGraph &graph)
      : program(program), graph(graph), hierarchical(program.getPath() == ir::Path::Hierarchical) {}

  LogicalResult verify() {
    for (size_t i = 0; i < graph.size(); ++i)
      if (failed(verifyOpened(i)) || failed(verifyClosed(i)))
        return failure();
    return hierarchical ? verifyAcross() : success();
  }

private:
  template <typename... Ops> bool is(size_t i) const { return isa<Ops...>(graph.stage(i).getOperation()); }
  /// A flag that is raised after stage `first`, and awaited before stage `second` if there is one.
  bool flagBetween(std::optional<size_t> first, std::optional<size_t> second) const {
    for (size_t await = 0; await < graph.size(); ++await) {
      auto op = dyn_cast<xfer::AwaitOp>(graph.stage(await).getOperation());
      if (op && (!first || graph.isBefore(*first, graph.notifiesOf(op.getFlag()).front())) &&
          (!second || graph.isBefore(await, *second)))
        return true;
    }
    return false;
  }

  /// Rows of peers are read or written only when these have said that they are in the program, too.
  LogicalResult verifyOpened(size_t i) {
    const bool touches =
        is<xfer::PushOp, xfer::HandOp, xfer::FanOutOp, xfer::ReduceOp, xfer::SettleOp, xfer::PullOp>(i);
    // /*schedule_s6*/
    if (touches && !flagBetween(std::nullopt, i))
      return errorAt(graph.stage(i)) << "touches rows of peers; expected an await before it"
                                     << (graph.isAtReceiver(i) ? " at its own node" : "")
                                     << ", found none: their windows may still be in use";
    return success();
  }

  /// And these learn when it is over. (A hand has a flag of its own, below.)
  LogicalResult verifyClosed(size_t i) {
    const bool touches = is<xfer::PushOp, xfer::ReduceOp, xfer::FanOutOp, xfer::SettleOp, xfer::PullOp>(i);
    // /*schedule_s7*/
    if (touches && !flagBetween(i, std::nullopt))
      return errorAt(graph.stage(i))
             << "expects a flag that is raised after it and awaited, found none: peers cannot know "
                "when it is done";
    return success();
  }

  LogicalResult verifyAcross() {
    if (program.getShuffle() == xfer::Shuffle::Dispatch) {
      // /*schedule_s20*/
      if (const size_t hand = *graph.find<xfer::HandOp>(), gather = *graph.find<xfer::GatherOp>();
          !flagBetween(hand, gather))
        return errorAt(graph.stage(gather))
               << "takes rows that peers handed over; expected a flag that is raised after stage '" << stageName(hand)
               << "' and awaited before this one";
      return success();
    }
    const size_t ask = *graph.find<xfer::AskOp>(), reduce = *graph.find<xfer::ReduceOp>(),
                 out = *graph.find<xfer::FanOutOp>(), pull = *graph.find<xfer::PullOp>();
    // /*schedule_s21*/
    if (!flagBetween(out, pull))
      return errorAt(graph.stage(pull))
             << "adds partial rows that forwarders store; expected a flag that is raised after "
                "stage '"
             << stageName(out) << "' and awaited before this one";
    if (const std::optional<size_t> settle = graph.find<xfer::SettleOp>();
        settle && failed(verifySettled(*settle, pull)))
      return failure();
    // /*schedule_s22*/
    if (!graph.isBefore(ask, reduce))
      return errorAt(graph.stage(reduce)) << "sums what other nodes ask for; expected stage '" << stageName(ask)
                                          << "' before it: if all ranks wait for each other's, nobody asks";
    return success();
  }

  LogicalResult verifySettled(size_t settle, size_t pull) {
    // /*schedule_s23*/
    if (!graph.isBefore(settle, pull))
      return errorAt(graph.stage(pull)) << "sums the tokens that stage '" << stageName(settle)
                                        << "' has left; expected to come after it";
    return success();
  }

  std::string stageName(size_t i) const { return graph.stage(i).getStageName(); }

  xfer::ProgramOp program;
  const ScheduleGraph &graph;
  bool hierarchical;
};

} // namespace

LogicalResult verifyOrder(xfer::ProgramOp program, const ScheduleGraph &graph) {
  return OrderVerifier(program, graph).verify();
}

} // namespace faro::compiler
