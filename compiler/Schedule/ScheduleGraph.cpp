#include "compiler/Schedule/ScheduleGraph.h"

#include "compiler/Schedule/Constants.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace faro::compiler {
namespace {

template <typename Predicate> SmallVector<size_t> stagesWhere(const ScheduleGraph &graph, Predicate predicate) {
  SmallVector<size_t> found;
  for (size_t i = 0; i < graph.size(); ++i)
    if (predicate(graph.stage(i)))
      found.push_back(i);
  return found;
}

template <typename Op> SmallVector<size_t> withFlag(const ScheduleGraph &graph, StringRef flag) {
  return stagesWhere(graph, [&](xfer::StageOpInterface stage) {
    auto op = dyn_cast<Op>(stage.getOperation());
    return op && op.getFlag() == flag;
  });
}

} // namespace

SmallVector<size_t> ScheduleGraph::notifiesOf(StringRef flag) const { return withFlag<xfer::NotifyOp>(*this, flag); }
SmallVector<size_t> ScheduleGraph::awaitsOf(StringRef flag) const { return withFlag<xfer::AwaitOp>(*this, flag); }

SmallVector<size_t> ScheduleGraph::writersOf(Value ring) const {
  return stagesWhere(*this, [&](xfer::StageOpInterface stage) { return stage.getInto() == ring; });
}
SmallVector<size_t> ScheduleGraph::readersOf(Value ring) const {
  return stagesWhere(*this, [&](xfer::StageOpInterface stage) { return stage.getFrom() == ring; });
}
SmallVector<size_t> ScheduleGraph::acquirersOf(Value ring) const {
  return stagesWhere(*this,
                     [&](xfer::StageOpInterface stage) { return llvm::is_contained(stage.getAcquires(), ring); });
}
SmallVector<size_t> ScheduleGraph::releasersOf(Value ring) const {
  return stagesWhere(*this,
                     [&](xfer::StageOpInterface stage) { return llvm::is_contained(stage.getReleases(), ring); });
}

bool ScheduleGraph::isAtReceiver(size_t i) const {
  return isa<xfer::FanOutOp, xfer::SettleOp>(stage(i).getOperation());
}

/// Whether the slots of a ring hold everything but the rows.
bool ScheduleGraph::isByReference(xfer::RingOp ring) const {
  return llvm::any_of(writersOf(ring.getRing()), [&](size_t writer) {
    auto gather = dyn_cast<xfer::GatherOp>(stage(writer).getOperation());
    return gather && gather.getBy() == xfer::GatherMode::Reference;
  });
}

uint64_t ScheduleGraph::rowStride() const {
  xfer::ProgramOp op = program; // its accessors are not const
  return op.hasPartials() ? uint64_t(partialStrideOf(op)) : op.getRowStride();
}

uint64_t ScheduleGraph::destinations() const {
  xfer::ProgramOp op = program;
  return op.hasPartials() ? 1 : op.getRoutesType().getTopk(); // a sum is for one token: it goes to one place
}

uint64_t ScheduleGraph::bytesOfOneRow(xfer::RingOp ring) const {
  return sliceBytes(1, rowStride(), destinations(), isByReference(ring));
}

uint64_t ScheduleGraph::rowsASlice() const {
  uint64_t rows = std::numeric_limits<uint64_t>::max();
  for (xfer::RingOp ring : xfer::ringsOf(program)) {
    const uint64_t slices = effectiveSlotsOf(ring); // of adjacent slots where one holds no row
    const uint64_t together = slices ? ring.getSlots() / slices : 0;
    rows = std::min(rows, rowsIn(together * ring.getBytes(), rowStride(), destinations(), isByReference(ring)));
  }
  return rows;
}

uint64_t ScheduleGraph::effectiveSlotsOf(xfer::RingOp ring) const {
  return effectiveSlots(ring.getSlots(), ring.getBytes(), bytesOfOneRow(ring));
}

ScheduleGraph::ScheduleGraph(xfer::ProgramOp program) : program(program), stageList(program.getStages()) {
  for (xfer::StageOpInterface stage : stageList)
    marked.addActor(stage.getStageName());
  addEdges();
  close();
}

void ScheduleGraph::addEdges() {
  llvm::DenseMap<Operation *, size_t> indexOf;
  for (size_t i = 0; i < stageList.size(); ++i)
    indexOf[stageList[i]] = i;
  for (size_t i = 0; i < stageList.size(); ++i) {
    for (Value timepoint : stageList[i].getAfter())
      if (auto it = indexOf.find(timepoint.getDefiningOp()); it != indexOf.end())
        marked.addEdge(it->second, i, 0, "after");
    if (auto await = dyn_cast<xfer::AwaitOp>(stageList[i].getOperation()))
      for (size_t notify : notifiesOf(await.getFlag()))
        marked.addEdge(notify, i, 0, ("flag \"" + await.getFlag() + "\"").str());
  }
  for (xfer::RingOp ring : xfer::ringsOf(program)) {
    const std::string name = ring.getName().str();
    const size_t slots = effectiveSlotsOf(ring);
    for (size_t releaser : releasersOf(ring.getRing()))
      for (size_t acquirer : acquirersOf(ring.getRing()))
        marked.addEdge(releaser, acquirer, slots, "ring \"" + name + "\"");
    const SmallVector<size_t> writers = writersOf(ring.getRing()), readers = readersOf(ring.getRing());
    if (writers.size() == 1 && !readers.empty())
      marked.addPool({name, writers.front(), {readers.begin(), readers.end()}, slots});
  }
}

/// Follows paths without tokens, in three parts: stages that are once a slice, stages that fire once, stages that are
/// once a slice. A path that comes back to the second kind after the third says nothing at a rank without slices to
/// send or receive, where nothing fires that could wait. Nor does one that comes over the wire from another node.
void ScheduleGraph::close() {
  enum Part { First, Middle, Last, Parts };
  const unsigned count = unsigned(stageList.size());
  before.assign(count, llvm::BitVector(count));
  auto partOf = [&](Part part, unsigned to) -> std::optional<Part> {
    if (stageList[to].isPerSlice())
      return part == Middle ? Last : part;
    return part == Last ? std::nullopt : std::optional(Middle);
  };
  for (unsigned start = 0; start < count; ++start) {
    llvm::BitVector seen[Parts] = {llvm::BitVector(count), llvm::BitVector(count), llvm::BitVector(count)};
    SmallVector<std::pair<unsigned, Part>> open{{start, stageList[start].isPerSlice() ? First : Middle}};
    while (!open.empty()) {
      const auto [at, part] = open.pop_back_val();
      for (size_t edge : marked.edgesFrom(at)) {
        const unsigned to = unsigned(marked.edges()[edge].to);
        const bool overTheWire =
            stageList[at].isPerSlice() && stageList[to].isPerSlice() && isAtReceiver(at) != isAtReceiver(to);
        const std::optional<Part> next = partOf(part, to);
        if (marked.edges()[edge].tokens != 0 || overTheWire || !next || seen[*next].test(to))
          continue;
        seen[*next].set(to);
        before[to].set(start);
        open.push_back({to, *next});
      }
    }
  }
}

std::optional<std::vector<size_t>> ScheduleGraph::findStuck() const {
  if (std::optional<std::vector<size_t>> dead = marked.findDeadCycle())
    return dead;
  for (size_t i = 0; i < stageList.size(); ++i)
    if (!stage(i).isPerSlice())
      if (std::optional<std::vector<size_t>> cycle = marked.findCycleThrough(i))
        return cycle;
  return std::nullopt;
}

} // namespace faro::compiler
