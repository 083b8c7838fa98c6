// Programs and stages: names, flags, verifiers (P1..P13), rings (G1..G3). What concerns the whole schedule is proved by
// xfer-verify-schedule (compiler/Schedule).
#include "dialect/Xfer/XferDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"

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

LogicalResult XferDialect::checkProgramName(Operation *op, StringRef name) {
  if (name == KernelsModuleName)
    return op->emitOpError() << "expects another name than '" << name
                             << "', which is that of the module that kernels lie in";
  // Modules name programs by text that a zero ends.
  if (name.empty() || name.contains('\0'))
    return op->emitOpError() << "expects a name that is not empty and holds no zero byte";
  return success();
}

LogicalResult ProgramOp::verify() {
  // /*program_p1*/
  if (getRowsType().isTokenMajor())
    return emitOpError() << "expects the rows of the experts' side, found token-major " << getRowsType();
  // /*program_p11*/
  if (!getRowsType().getLayout().toLayout().order.placeableByCounts())
    return emitOpError() << "expects an order in which neither 'token' nor 'choice' comes before 'source', found "
                         << getRowsType().getLayout()
                         << "; the rows of one source would depend on the tokens of the others";
  // /*program_p12*/
  if (failed(XferDialect::checkProgramName(*this, getSymName())))
    return failure();
  // Padding fills the row's last line, no more: the runtime refuses others, and kernels store all of it.
  constexpr int64_t Line = 64;
  const int64_t rowBytes = getRowsType().getRowBytes();
  // /*program_p2*/
  if (int64_t(getRowStride()) < rowBytes || int64_t(getRowStride()) - rowBytes >= Line)
    return emitOpError() << "expects a row_stride of " << rowBytes << " to " << rowBytes + (Line - 1)
                         << " bytes for rows of " << getRowsType().getRowText() << ", found "
                         << int64_t(getRowStride());
  // Devices access elements where they are aligned.
  const int64_t elementBytes = getRowsType().getPlanes().front().element.getIntOrFloatBitWidth() / 8;
  if (int64_t(getRowStride()) % elementBytes != 0)
    return emitOpError() << "expects a row_stride of whole elements of " << elementBytes << " bytes, found "
                         << int64_t(getRowStride());
  // /*program_p3*/
  if (int64_t(getStreamingThreshold()) < 0)
    return emitOpError() << "expects a streaming_threshold of at least 0, found " << int64_t(getStreamingThreshold());
  // /*program_p7*/
  if (getPath() != faro::ir::Path::Direct && getPath() != faro::ir::Path::Hierarchical)
    return emitOpError() << "expects path(direct) or path(hierarchical), found path(" << stringifyPath(getPath())
                         << "): a program is for one path";
  // /*program_p8*/
  if (std::optional<Type> partial = getPartial()) {
    if (!hasPartials())
      return emitOpError() << "has partial(" << *partial << "), but no sums travel between nodes in a "
                           << stringifyPath(getPath()) << " " << stringifyShuffle(getShuffle());
    const Type element = getRowsType().getPlanes().front().element;
    if (*partial != element && !partial->isF32())
      return emitOpError() << "expects partial sums of the row's element " << element << " or of f32, found "
                           << *partial;
  }
  return success();
}

bool ProgramOp::hasPartials() { return getShuffle() == Shuffle::Combine && getPath() == faro::ir::Path::Hierarchical; }

Type ProgramOp::getPartialElement() { return getPartial().value_or(getRowsType().getPlanes().front().element); }

LogicalResult ProgramOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // /*program_p6*/
  if (!getOfAttr())
    return success();
  auto other = symbols.lookupNearestSymbolFrom<ProgramOp>(*this, getOfAttr());
  if (!other || other.getOfAttr())
    return emitOpError() << "expects of(" << getOfAttr() << ") to name a program that is of no other, found "
                         << (other ? "one that is" : "none of this name");
  if (other.getShuffle() != getShuffle() || other.getRows() != getRows() || other.getRoutes() != getRoutes() ||
      other.getRowStride() != getRowStride() || other.getStreamingThreshold() != getStreamingThreshold()) {
    InFlightDiagnostic error =
        emitOpError() << "expects the shuffle, rows, routes, row_stride and streaming_threshold of " << getOfAttr();
    error.attachNote(other.getLoc()) << "which is here";
    return error;
  }
  for (auto sibling : (*this)->getParentRegion()->getOps<ProgramOp>())
    if (sibling != *this && sibling.getPath() == getPath() &&
        (sibling == other || sibling.getOfAttr() == getOfAttr())) {
      InFlightDiagnostic error = emitOpError() << "is the second program of " << getOfAttr() << " for path("
                                               << stringifyPath(getPath()) << "); expected one a path";
      error.attachNote(sibling.getLoc()) << "the other is here";
      return error;
    }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  // /*program_p13*/
  if (getBody().getNumArguments() != 0)
    return emitOpError() << "expects a body without arguments, found " << getBody().getNumArguments();
  for (Operation &op : getBody().getOps())
    // /*program_p4*/
    if (!isa<StageOpInterface, DescriptorsOp, RingOp>(op))
      return op.emitOpError() << "is no stage; a program holds only stages, 'xfer.ring' and 'xfer.descriptors'";
  // /*program_p5*/
  if (size_t flags = getFlags().size(); int64_t(flags) > MaxFlags)
    return emitOpError() << "expects at most " << MaxFlags << " flags, found " << flags;
  // /*program_p9*/
  if (size_t stages = getStages().size(); int64_t(stages) > MaxStages)
    return emitOpError() << "expects at most " << MaxStages << " stages, found " << stages;
  // /*program_p10*/
  llvm::StringSet<> names;
  for (RingOp ring : ringsOf(*this))
    if (!names.insert(ring.getName()).second)
      return ring.emitOpError() << "is the second ring \"" << ring.getName() << "\" of program '" << getSymName()
                                << "'";
  if (int64_t(names.size()) > MaxRings)
    return emitOpError() << "expects at most " << MaxRings << " rings, found " << names.size();
  return success();
}

SmallVector<StringRef> ProgramOp::getFlags() {
  SmallVector<StringRef> flags;
  for (StageOpInterface stage : getStages())
    if (StringAttr flag = stage.getFlagAttr(); flag && !llvm::is_contained(flags, flag.getValue()))
      flags.push_back(flag.getValue());
  return flags;
}

SmallVector<StageOpInterface> ProgramOp::getStages() { return llvm::to_vector(getBody().getOps<StageOpInterface>()); }

SmallVector<RingOp> faro::xfer::ringsOf(ProgramOp program) {
  return llvm::to_vector(program.getBody().getOps<RingOp>());
}

LogicalResult RingOp::verify() {
  constexpr int64_t MostSlots = 65536; // every flow keeps accounts of them, at both ends
  // /*ring_g1*/
  if (const int64_t slots = int64_t(getSlots()); slots < 1 || slots > MostSlots)
    return emitOpError() << "expects 1 to " << MostSlots << " slots, found " << slots;
  // /*ring_g2*/
  if (const int64_t bytes = int64_t(getBytes()); bytes < SlotUnit || bytes % SlotUnit != 0)
    return emitOpError() << "expects slots of a multiple of " << SlotUnit << " bytes, found " << bytes;
  // /*ring_g3*/
  constexpr int64_t Most = int64_t(1) << 40; // as the loader of modules has it
  if (int64_t(getBytes()) > Most / int64_t(getSlots()))
    return emitOpError() << "expects at most " << Most << " bytes in all slots together, found " << getSlots()
                         << " slots of " << getBytes();
  return success();
}

std::string NotifyOp::getStageName() { return ("notify " + getFlag()).str(); }
std::string AwaitOp::getStageName() { return ("await " + getFlag()).str(); }
std::string PadOp::getStageName() { return "pad"; }
std::string PushOp::getStageName() { return "push"; }
std::string PullOp::getStageName() { return "pull"; }
std::string HandOp::getStageName() { return "hand"; }
std::string AskOp::getStageName() { return "ask"; }
std::string GatherOp::getStageName() { return "gather"; }
std::string ReduceOp::getStageName() { return "reduce"; }
std::string WireOp::getStageName() { return "wire"; }
std::string FanOutOp::getStageName() { return "fan_out"; }
std::string SettleOp::getStageName() { return "settle"; }
