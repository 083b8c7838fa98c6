#include "compiler/Codegen/Module/ModuleTables.h"

#include "compiler/Codegen/ProgramRow.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Config/llvm-config.h"

#include <algorithm>

namespace faro::compiler {
namespace {

using namespace mlir;

class Collector {
public:
  explicit Collector(ModuleTables &tables) : tables(tables) {}

  LogicalResult collect(xfer::ProgramOp op) {
    FailureOr<faro_abi_row> row = rowOf(op);
    if (failed(row))
      return failure();
    ProgramTable program;
    program.name = op.getSymName().str();
    program.op = op.getShuffle() == xfer::Shuffle::Dispatch ? FARO_ABI_DISPATCH : FARO_ABI_COMBINE;
    program.row = *row;
    const layout::Layout layout = op.getRowsType().getLayout().toLayout();
    std::ranges::transform(layout.order.keys(), program.layout.order, [](layout::Key key) { return uint8_t(key); });
    program.layout.align = layout.align;
    const layout::Placement placement = op.getRoutesType().getPlacement();
    program.topk = uint32_t(op.getRoutesType().getTopk());
    program.experts = placement.experts();
    program.placement = uint32_t(placement.kind());
    if (placement.kind() == layout::Placement::Kind::Table)
      program.table = placement.ranksOfTable();
    program.streamingThreshold = uint64_t(op.getStreamingThreshold());
    ScheduleTable schedule;
    schedule.name = op.getSymName().str();
    schedule.path = FARO_ABI_DIRECT;
    collectStages(op, schedule);
    program.schedules.push_back(std::move(schedule));
    tables.programs.push_back(std::move(program));
    return success();
  }

private:
  void collectStages(xfer::ProgramOp op, ScheduleTable &schedule) {
    const SmallVector<StringRef> flags = op.getFlags();
    llvm::DenseMap<Operation *, uint32_t> indices;
    for (xfer::StageOpInterface stage : op.getStages()) {
      StageTable table;
      table.name = stage.getStageName();
      table.resource = uint32_t(stage.getOn());
      for (Value timepoint : stage.getAfter())
        table.after.push_back(indices.lookup(timepoint.getDefiningOp()));
      const auto flag = [&](StringRef name) { return uint32_t(llvm::find(flags, name) - flags.begin()); };
      if (auto notify = dyn_cast<xfer::NotifyOp>(*stage)) {
        table.op = FARO_ABI_STAGE_NOTIFY;
        table.flag = flag(notify.getFlag());
      } else if (auto await = dyn_cast<xfer::AwaitOp>(*stage)) {
        table.op = FARO_ABI_STAGE_AWAIT;
        table.flag = flag(await.getFlag());
      } else if (auto push = dyn_cast<xfer::PushOp>(*stage)) {
        table.op = FARO_ABI_STAGE_PUSH;
        useKernels(push.getKernel(), push.getStreaming(), table);
      } else if (auto pull = dyn_cast<xfer::PullOp>(*stage)) {
        table.op = FARO_ABI_STAGE_PULL;
        useKernels(pull.getKernel(), pull.getStreaming(), table);
      } else {
        table.op = FARO_ABI_STAGE_PAD;
      }
      indices[stage] = uint32_t(schedule.stages.size());
      schedule.stages.push_back(std::move(table));
    }
  }

  void useKernels(StringRef plain, std::optional<StringRef> streaming, StageTable &table) {
    table.kernel = indexOf(plain);
    if (streaming)
      table.streamingKernel = indexOf(*streaming);
  }

  uint32_t indexOf(StringRef kernel) {
    auto found = llvm::find(tables.kernels, kernel);
    if (found == tables.kernels.end())
      found = tables.kernels.insert(found, kernel.str());
    return uint32_t(found - tables.kernels.begin());
  }

  ModuleTables &tables;
};

} // namespace

FailureOr<ModuleTables> collectTables(ModuleOp module) {
  static_assert(uint32_t(layout::Placement::Kind::Table) == FARO_ABI_PLACEMENT_TABLE &&
                uint32_t(layout::Placement::Kind::RoundRobin) == FARO_ABI_PLACEMENT_ROUND_ROBIN);
  static_assert(uint32_t(layout::Key::Choice) == FARO_ABI_KEY_CHOICE &&
                uint32_t(layout::Key::Token) == FARO_ABI_KEY_TOKEN);
  static_assert(uint32_t(xfer::Resource::Core) == FARO_ABI_ON_CORE &&
                uint32_t(xfer::Resource::Link) == FARO_ABI_ON_LINK);
  ModuleTables tables;
  if (ir::MeshAttr mesh = ir::meshOf(module)) {
    static_assert(ir::MeshAttr::Dynamic == 0, "0 stands for `?` in the tables too");
    tables.mesh.nodes = uint32_t(mesh.getNodes());
    tables.mesh.ranks_per_node = uint32_t(mesh.getRanksPerNode());
  }
  Collector collector(tables);
  for (xfer::ProgramOp program : module.getOps<xfer::ProgramOp>())
    if (failed(collector.collect(program)))
      return failure();
  if (tables.programs.empty())
    return module.emitError() << "expects at least one program, found none";
  return tables;
}

std::string producer() { return "faroc " FARO_VERSION ", LLVM " LLVM_VERSION_STRING; }

} // namespace faro::compiler
