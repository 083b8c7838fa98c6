// Writes the stages of one program, all at the shuffle's location.
//
//   LowerToXfer ─► DirectSchedule.cpp, HierarchicalSchedule.cpp ─► StageBuilder ─► xfer.program
#pragma once

#include "compiler/Schedule/Constants.h"
#include "compiler/Schedule/CostModel.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/Builders.h"

namespace faro::compiler {

class StageBuilder {
public:
  /// Appends to `program`. Kernels are named after `base`, the function of the spec (xfer::kernelName).
  StageBuilder(mlir::OpBuilder &builder, xfer::ProgramOp program, llvm::StringRef base)
      : builder(builder), program(program), base(base), loc(program.getLoc()),
        timepoint(xfer::TimepointType::get(builder.getContext())), core(attribute(xfer::Resource::Core)) {
    builder.setInsertionPointToEnd(&program.getBody().front());
    plan = xfer::DescriptorsOp::create(builder, loc, xfer::DescriptorsType::get(builder.getContext()));
  }

  mlir::Value ring(llvm::StringRef name, const SliceChoice &slices) {
    return xfer::RingOp::create(builder, loc, xfer::RingType::get(builder.getContext()), name, uint64_t(slices.slots),
                                slices.slotBytes);
  }
  mlir::Value notify(llvm::StringRef flag, mlir::ValueRange after) {
    return xfer::NotifyOp::create(builder, loc, timepoint, flag, after, xfer::Resource::Link);
  }
  mlir::Value await(llvm::StringRef flag, mlir::ValueRange after) {
    return xfer::AwaitOp::create(builder, loc, timepoint, flag, after, xfer::Resource::Link);
  }
  /// Null where there is no padding.
  mlir::Value pad() {
    if (program.getShuffle() != xfer::Shuffle::Dispatch || program.getRowsType().getLayout().getAlign() == 1)
      return {};
    return xfer::PadOp::create(builder, loc, timepoint, plan, mlir::ValueRange{}, xfer::Resource::Core);
  }
  mlir::Value ask(mlir::ValueRange after) {
    return xfer::AskOp::create(builder, loc, timepoint, plan, after, xfer::Resource::Link);
  }
  /// A stage that runs a kernel once: push, hand. `streams`: with a form of it for stores past the cache.
  template <typename Op> mlir::Value run(mlir::ValueRange after, llvm::StringRef suffix, bool streams) {
    return Op::create(builder, loc, timepoint, plan, kernel(suffix), streams ? streaming(suffix) : nullptr, after,
                      core);
  }
  mlir::Value gather(mlir::ValueRange after, mlir::Value into, bool byReference, llvm::StringRef suffix) {
    const auto by = byReference ? xfer::GatherMode::Reference : xfer::GatherMode::Copy;
    return xfer::GatherOp::create(builder, loc, timepoint, plan, after, into, /*acquires=*/into,
                                  /*releases=*/mlir::ValueRange{}, core,
                                  xfer::GatherModeAttr::get(builder.getContext(), by), kernel(suffix), nullptr);
  }
  mlir::Value reduce(mlir::ValueRange after, mlir::Value into, llvm::StringRef suffix) {
    return xfer::ReduceOp::create(builder, loc, timepoint, plan, after, into, /*acquires=*/into,
                                  /*releases=*/mlir::ValueRange{}, core, kernel(suffix), nullptr);
  }
  mlir::Value wire(mlir::ValueRange after, mlir::Value from, mlir::Value into) {
    return xfer::WireOp::create(builder, loc, timepoint, after, from, into, /*acquires=*/into, /*releases=*/from,
                                attribute(xfer::Resource::Nic));
  }
  mlir::Value fanOut(mlir::ValueRange after, mlir::Value from, llvm::StringRef suffix, bool streams) {
    return xfer::FanOutOp::create(builder, loc, timepoint, plan, after, from, /*acquires=*/mlir::ValueRange{},
                                  /*releases=*/from, core, kernel(suffix), streams ? streaming(suffix) : nullptr);
  }
  /// `share`: of the kernel for this node's shares; empty on the direct path.
  mlir::Value pull(mlir::ValueRange after, llvm::StringRef suffix, llvm::StringRef share) {
    return xfer::PullOp::create(builder, loc, timepoint, plan, kernel(suffix), streaming(suffix), optional(share),
                                after, core);
  }
  mlir::Value settle(mlir::ValueRange after, mlir::Value from, llvm::StringRef suffix, llvm::StringRef share) {
    return xfer::SettleOp::create(builder, loc, timepoint, plan, after, from, /*acquires=*/mlir::ValueRange{},
                                  /*releases=*/mlir::ValueRange{}, core, kernel(suffix), streaming(suffix),
                                  optional(share));
  }

private:
  xfer::ResourceAttr attribute(xfer::Resource resource) {
    return xfer::ResourceAttr::get(builder.getContext(), resource);
  }
  mlir::FlatSymbolRefAttr kernel(llvm::StringRef suffix) {
    return mlir::FlatSymbolRefAttr::get(builder.getStringAttr(xfer::kernelName(base, suffix)));
  }
  mlir::FlatSymbolRefAttr optional(llvm::StringRef suffix) { return suffix.empty() ? nullptr : kernel(suffix); }
  /// Stores past the cache are for whole lines only.
  mlir::FlatSymbolRefAttr streaming(llvm::StringRef suffix) {
    if (int64_t(program.getRowStride()) % LineBytes != 0)
      return {};
    return mlir::FlatSymbolRefAttr::get(builder.getStringAttr(xfer::kernelName(base, suffix) + "_streaming"));
  }

  mlir::OpBuilder &builder;
  xfer::ProgramOp program;
  llvm::StringRef base;
  mlir::Location loc;
  mlir::Type timepoint;
  xfer::ResourceAttr core;
  mlir::Value plan;
};

/// The stages of a program for path(direct), and for path(hierarchical) over wires of a class.
void buildDirect(StageBuilder &stages, xfer::ProgramOp program);
void buildHierarchical(StageBuilder &stages, xfer::ProgramOp program, WireClass wire);

} // namespace faro::compiler
