#include "compiler/Codegen/Module/ModuleTables.h"

#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/EmitPlan.h"
#include "compiler/Codegen/ProgramRow.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
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
    tables.programs.push_back(std::move(program));
    return collectSchedule(op, tables.programs.back());
  }

  /// Of a program, or of one that is of it.
  LogicalResult collectSchedule(xfer::ProgramOp op, ProgramTable &program) {
    ScheduleTable schedule;
    schedule.name = op.getSymName().str();
    schedule.path = op.getPath() == ir::Path::Direct ? FARO_ABI_DIRECT : FARO_ABI_HIERARCHICAL;
    if (op.hasPartials()) {
      FailureOr<faro_abi_row> partial = partialRowOf(op);
      if (failed(partial))
        return failure();
      schedule.partial = partial->element;
      schedule.partialStride = partial->stride;
    }
    for (xfer::RingOp ring : xfer::ringsOf(op))
      schedule.rings.push_back({ring.getName().str(), uint64_t(ring.getBytes()), uint32_t(ring.getSlots())});
    collectStages(op, schedule);
    program.schedules.push_back(std::move(schedule));
    return success();
  }

  /// The kernels that plan a dispatch, where they were written. Behind those of all stages.
  LogicalResult collectPlan(ModuleOp kernels, xfer::ProgramOp op, ProgramTable &program) {
    if (!kernels || !isPlannable(op))
      return success();
    const auto isNeeded = [&](StringRef suffix) { return suffix != PlanPadName || program.layout.align > 1; };
    for (StringRef suffix : llvm::make_filter_range(PlanKernelNames, isNeeded)) {
      Operation *kernel = kernels.lookupSymbol(xfer::kernelName(program.name, suffix));
      if (!kernel)
        return success();
      // Where no plan was asked for, these are the input's.
      if (failed(checkOwnKernel(kernel, planType(op.getContext()), op)))
        return failure();
    }
    uint32_t indices[std::size(PlanKernelNames)];
    for (const auto &[suffix, index] : llvm::zip(PlanKernelNames, indices))
      index = isNeeded(suffix) ? indexOf(xfer::kernelName(program.name, suffix)) : FARO_ABI_NO_KERNEL;
    const auto [count, scan, meet, offsets, place, pad, weigh] = indices;
    const PlanShape shape{program.topk, program.experts, program.layout.align, int64_t(program.row.stride)};
    program.plan = {uint32_t(shape.chunkTokens()), count, scan, meet, offsets, place, pad, weigh};
    return success();
  }

private:
  void collectStages(xfer::ProgramOp op, ScheduleTable &schedule) {
    const SmallVector<StringRef> flags = op.getFlags();
    const SmallVector<xfer::RingOp> rings = xfer::ringsOf(op);
    const auto ringIndex = [&](Value ring) {
      return uint32_t(llvm::find(rings, ring.getDefiningOp()) - rings.begin());
    };
    llvm::DenseMap<Operation *, uint32_t> indices;
    for (xfer::StageOpInterface stage : op.getStages()) {
      StageTable table;
      table.name = stage.getStageName();
      table.op = opOf(stage);
      table.resource = uint32_t(stage.getOn());
      for (Value timepoint : stage.getAfter())
        if (const uint32_t before = indices.lookup(timepoint.getDefiningOp()); !llvm::is_contained(table.after, before))
          table.after.push_back(before);
      if (StringAttr flag = stage.getFlagAttr())
        table.flag = uint32_t(llvm::find(flags, flag.getValue()) - flags.begin());
      if (FlatSymbolRefAttr kernel = stage.getKernelAttr())
        table.kernel = indexOf(kernel.getValue());
      if (FlatSymbolRefAttr kernel = stage.getStreamingAttr())
        table.streamingKernel = indexOf(kernel.getValue());
      if (FlatSymbolRefAttr kernel = stage.getShareAttr())
        table.shareKernel = indexOf(kernel.getValue());
      if (auto gather = dyn_cast<xfer::GatherOp>(*stage))
        table.gather = uint32_t(gather.getBy());
      if (Value ring = stage.getFrom())
        table.from = ringIndex(ring);
      if (Value ring = stage.getInto())
        table.into = ringIndex(ring);
      for (Value ring : stage.getAcquires())
        table.acquires |= 1u << ringIndex(ring);
      for (Value ring : stage.getReleases())
        table.releases |= 1u << ringIndex(ring);
      indices[stage] = uint32_t(schedule.stages.size());
      schedule.stages.push_back(std::move(table));
    }
  }

  static uint32_t opOf(Operation *stage) {
    return llvm::TypeSwitch<Operation *, uint32_t>(stage)
        .Case<xfer::NotifyOp>([](auto) { return FARO_ABI_STAGE_NOTIFY; })
        .Case<xfer::AwaitOp>([](auto) { return FARO_ABI_STAGE_AWAIT; })
        .Case<xfer::PadOp>([](auto) { return FARO_ABI_STAGE_PAD; })
        .Case<xfer::PushOp>([](auto) { return FARO_ABI_STAGE_PUSH; })
        .Case<xfer::PullOp>([](auto) { return FARO_ABI_STAGE_PULL; })
        .Case<xfer::HandOp>([](auto) { return FARO_ABI_STAGE_HAND; })
        .Case<xfer::AskOp>([](auto) { return FARO_ABI_STAGE_ASK; })
        .Case<xfer::GatherOp>([](auto) { return FARO_ABI_STAGE_GATHER; })
        .Case<xfer::ReduceOp>([](auto) { return FARO_ABI_STAGE_REDUCE; })
        .Case<xfer::WireOp>([](auto) { return FARO_ABI_STAGE_WIRE; })
        .Case<xfer::FanOutOp>([](auto) { return FARO_ABI_STAGE_FAN_OUT; })
        .Case<xfer::SettleOp>([](auto) { return FARO_ABI_STAGE_SETTLE; });
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
                uint32_t(xfer::Resource::Link) == FARO_ABI_ON_LINK && uint32_t(xfer::Resource::Nic) == FARO_ABI_ON_NIC);
  static_assert(uint32_t(xfer::GatherMode::Copy) == FARO_ABI_BY_COPY &&
                uint32_t(xfer::GatherMode::Reference) == FARO_ABI_BY_REFERENCE);
  static_assert(xfer::ProgramOp::MaxFlags == FARO_ABI_FLAGS && xfer::ProgramOp::MaxStages == FARO_ABI_MAX_STAGES &&
                xfer::ProgramOp::MaxRings == FARO_ABI_MAX_RINGS);
  ModuleTables tables;
  if (ir::MeshAttr mesh = ir::meshOf(module)) {
    static_assert(ir::MeshAttr::Dynamic == 0, "0 stands for `?` in the tables too");
    tables.mesh.nodes = uint32_t(mesh.getNodes());
    tables.mesh.ranks_per_node = uint32_t(mesh.getRanksPerNode());
  }
  Collector collector(tables);
  for (xfer::ProgramOp program : module.getOps<xfer::ProgramOp>())
    if (!program.getOf() && failed(collector.collect(program)))
      return failure();
  const auto tableOf = [&](StringRef name) -> ProgramTable & {
    return *llvm::find_if(tables.programs, [&](const ProgramTable &table) { return table.name == name; });
  };
  // Wherever they stand: a program may come before the one that it is of.
  for (xfer::ProgramOp program : module.getOps<xfer::ProgramOp>())
    if (program.getOf() && failed(collector.collectSchedule(program, tableOf(*program.getOf()))))
      return failure();
  auto kernels = module.lookupSymbol<ModuleOp>(xfer::XferDialect::KernelsModuleName);
  for (xfer::ProgramOp program : module.getOps<xfer::ProgramOp>())
    if (!program.getOf() && failed(collector.collectPlan(kernels, program, tableOf(program.getSymName()))))
      return failure();
  if (tables.programs.empty())
    return module.emitError() << "expects at least one program, found none";
  return tables;
}

std::string producer() { return "faroc " FARO_VERSION ", LLVM " LLVM_VERSION_STRING; }

} // namespace faro::compiler
