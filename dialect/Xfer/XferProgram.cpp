// Programs and stages: names, flags, verifiers (P1..P5). What concerns the whole schedule is proved by
// xfer-verify-schedule (compiler/Schedule).
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace faro::xfer;

void ProgramOp::build(OpBuilder &builder, OperationState &state, StringRef name, Shuffle shuffle,
                      faro::ir::TokensType rows, faro::ir::RoutesType routes, faro::ir::Path path, int64_t rowStride,
                      int64_t streamingThreshold) {
  MLIRContext *context = builder.getContext();
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getShuffleAttrName(state.name), ShuffleAttr::get(context, shuffle));
  state.addAttribute(getRowsAttrName(state.name), TypeAttr::get(rows));
  state.addAttribute(getRoutesAttrName(state.name), TypeAttr::get(routes));
  state.addAttribute(getPathAttrName(state.name), faro::ir::PathAttr::get(context, path));
  state.addAttribute(getRowStrideAttrName(state.name), builder.getI64IntegerAttr(rowStride));
  state.addAttribute(getStreamingThresholdAttrName(state.name), builder.getI64IntegerAttr(streamingThreshold));
  state.addRegion()->emplaceBlock();
}

LogicalResult ProgramOp::verify() {
  // /*program_p1*/
  if (getRowsType().isTokenMajor())
    return emitOpError() << "expects the rows of the experts' side, found token-major " << getRowsType();
  // /*program_p2*/
  if (int64_t(getRowStride()) < getRowsType().getRowBytes())
    return emitOpError() << "expects a row_stride of at least the row's " << getRowsType().getRowBytes()
                         << " bytes, found " << int64_t(getRowStride());
  // /*program_p3*/
  if (int64_t(getStreamingThreshold()) < 0)
    return emitOpError() << "expects a streaming_threshold of at least 0, found " << int64_t(getStreamingThreshold());
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  if (getBody().getNumArguments() != 0)
    return emitOpError() << "expects a body without arguments, found " << getBody().getNumArguments();
  for (Operation &op : getBody().getOps())
    // /*program_p4*/
    if (!isa<StageOpInterface, DescriptorsOp>(op))
      return op.emitOpError() << "is no stage; a program holds only stages and 'xfer.descriptors'";
  // /*program_p5*/
  if (size_t flags = getFlags().size(); int64_t(flags) > MaxFlags)
    return emitOpError() << "expects at most " << MaxFlags << " flags, found " << flags;
  return success();
}

static StringRef flagOf(Operation *op) {
  if (auto notify = dyn_cast<NotifyOp>(op))
    return notify.getFlag();
  if (auto await = dyn_cast<AwaitOp>(op))
    return await.getFlag();
  return {};
}

SmallVector<StringRef> ProgramOp::getFlags() {
  SmallVector<StringRef> flags;
  for (Operation &op : getBody().getOps())
    if (isa<NotifyOp, AwaitOp>(op) && !llvm::is_contained(flags, flagOf(&op)))
      flags.push_back(flagOf(&op));
  return flags;
}

SmallVector<StageOpInterface> ProgramOp::getStages() { return llvm::to_vector(getBody().getOps<StageOpInterface>()); }

std::string NotifyOp::getStageName() { return ("notify " + getFlag()).str(); }
std::string AwaitOp::getStageName() { return ("await " + getFlag()).str(); }
std::string PadOp::getStageName() { return "pad"; }
std::string PushOp::getStageName() { return "push"; }
std::string PullOp::getStageName() { return "pull"; }
