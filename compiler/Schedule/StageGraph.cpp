#include "compiler/Schedule/StageGraph.h"

using namespace mlir;

namespace faro::compiler {

template <typename Op> static SmallVector<size_t> withFlag(ArrayRef<xfer::StageOpInterface> stages, StringRef flag) {
  SmallVector<size_t> found;
  for (auto [i, stage] : llvm::enumerate(llvm::to_vector(stages)))
    if (auto op = dyn_cast<Op>(stage.getOperation()); op && op.getFlag() == flag)
      found.push_back(i);
  return found;
}

SmallVector<size_t> StageGraph::notifiesOf(StringRef flag) const { return withFlag<xfer::NotifyOp>(stages, flag); }
SmallVector<size_t> StageGraph::awaitsOf(StringRef flag) const { return withFlag<xfer::AwaitOp>(stages, flag); }

StageGraph::StageGraph(xfer::ProgramOp program) : stages(program.getStages()) {
  llvm::DenseMap<Operation *, size_t> indexOf;
  for (size_t i = 0; i < stages.size(); ++i)
    indexOf[stages[i]] = i;
  before.assign(stages.size(), llvm::BitVector(unsigned(stages.size())));
  for (size_t i = 0; i < stages.size(); ++i) {
    for (Value timepoint : stages[i].getAfter())
      if (auto it = indexOf.find(timepoint.getDefiningOp()); it != indexOf.end())
        before[i].set(unsigned(it->second));
    if (auto await = dyn_cast<xfer::AwaitOp>(stages[i].getOperation()))
      for (size_t notify : notifiesOf(await.getFlag()))
        before[i].set(unsigned(notify));
  }
  // Transitive closure (Warshall); programs have a handful of stages.
  for (size_t via = 0; via < stages.size(); ++via)
    for (size_t i = 0; i < stages.size(); ++i)
      if (before[i].test(unsigned(via)))
        before[i] |= before[via];
}

std::optional<size_t> StageGraph::findCycle() const {
  for (size_t i = 0; i < stages.size(); ++i)
    if (isBefore(i, i))
      return i;
  return std::nullopt;
}

} // namespace faro::compiler
