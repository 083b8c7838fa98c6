// What dispatch, combine and sources do with a batch.
#include "runtime/engine/SessionImpl.h"
#include "runtime/plan/PlanHash.h"

#include <cstring>
#include <fmt/format.h>

namespace faro {

uint16_t SessionImpl::activityOf(const faro_abi_program &program, CallKind kind) const {
  return uint16_t(kind << 8 | ((&program - module->abi().programs) & 0xff));
}

RunParts SessionImpl::parts() {
  RunParts parts;
  parts.communicator = communicator.get();
  parts.module = module.get();
  parts.board = &exchanges->board();
  parts.exchange = exchanges->slices();
  parts.windows = &windows;
  parts.statistics = &stats;
  parts.scratch = &scratch;
  parts.device = device.get();
  parts.onStage = &onStage;
  return parts;
}

//===--------------------------------------------------------- dispatch ---===//

/// From the first row's first byte to the last one's last.
static uint64_t spanOf(int64_t rows, int64_t stride, uint64_t rowBytes) {
  return rows > 0 ? uint64_t(rows - 1) * uint64_t(stride) + rowBytes : 0;
}

Status SessionImpl::beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  ++stats.dispatches;
  auto batch = enter(plan, "dispatch");
  if (!batch)
    return batch.status();
  const faro_abi_program &program = *plan->program;
  if (x.rows != plan->tokens || (x.rows > 0 && (!x.data || x.stride < int64_t(program.row.bytes))))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: dispatch of {} rows at {}, {} bytes apart; expected the plan's {} tokens, at least {} "
                    "bytes apart, and an address",
                    communicator->rank(), x.rows, x.data, x.stride, plan->tokens, program.row.bytes));
  FARO_RETURN_IF_ERROR(checkDeviceRows("dispatch", x.data, x.rows, x.stride, program.row));
  if (x.rows > 0 && windows.received.holds(x.data, spanOf(x.rows, x.stride, program.row.bytes)))
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {}: dispatch of rows that lie where received rows do, which it overwrites; copy "
                              "them first",
                              communicator->rank()));
  FARO_RETURN_IF_ERROR(windows.ensureReceived(**batch));
  windows.receivedOf = (*batch)->hash;
  auto run = startDispatch(parts(), *scheduleOf(program, path()), **batch, x, activityOf(program, Dispatch));
  if (!run)
    return run.status();
  return begin({std::move(*batch), std::move(*run), &stats.dispatchNs});
}

//===---------------------------------------------------------- combine ---===//

Status SessionImpl::checkDeviceRows(const char *what, const void *data, int64_t rows, int64_t stride,
                                    const faro_abi_row &row) const {
  const uint64_t unit = device ? cuda::SessionDevice::alignmentOf(row.bytes) : 1;
  if (rows == 0 || (reinterpret_cast<uintptr_t>(data) % unit == 0 && uint64_t(stride) % unit == 0))
    return Status::ok();
  return {FARO_INVALID_ARGUMENT,
          fmt::format("rank {}: {} of rows at {}, {} bytes apart; expected multiples of {} bytes on a CUDA device",
                      communicator->rank(), what, data, stride, unit)};
}

/// A copy of the rows in the window of expert outputs.
Status SessionImpl::stageRows(const Batch &batch, ConstRows y) {
  const faro_abi_row &row = batch.program->row;
  stats.stagedBytes += uint64_t(batch.receivedRows) * row.bytes;
  if (device) {
    FARO_RETURN_IF_ERROR(device->device->makeCurrent());
    // Peers read the copy when this rank's first flag is up, and that waits for what the stream holds.
    return device->stream->copyRows(reinterpret_cast<uintptr_t>(windows.outputs.mine()), row.stride,
                                    reinterpret_cast<uintptr_t>(y.data), uint64_t(y.stride), row.bytes,
                                    uint64_t(batch.receivedRows));
  }
  for (int64_t r = 0; r < batch.receivedRows; ++r)
    std::memcpy(windows.outputs.mine() + r * int64_t(row.stride), static_cast<const std::byte *>(y.data) + r * y.stride,
                row.bytes);
  return Status::ok();
}

/// Which window the others shall read. Rows elsewhere are copied into the window of expert outputs, which all ranks of
/// the node have or none: so a rank that needs it says so first, unless it is there already.
Expected<WindowName> SessionImpl::locateRows(const Batch &batch, ConstRows y, uint16_t activity) {
  const faro_abi_row &row = batch.program->row;
  const bool inOrder = y.stride == int64_t(row.stride);
  const bool inReceived = inOrder && y.data == windows.received.mine();
  const bool inOutputs = inOrder && y.data == windows.outputs.mine();
  const bool staged = batch.receivedRows > 0 && !inReceived && !inOutputs;
  // Rows that lie in these windows for another batch, or for none since the windows grew, are not what this combine is
  // to sum; nor are rows that the copy would overwrite.
  const bool ofReceived = inReceived || windows.received.holds(y.data);
  const bool ofOutputs = inOutputs || windows.outputs.holds(y.data);
  if (batch.receivedRows > 0 && ((ofReceived && windows.receivedOf != batch.hash) ||
                                 (ofOutputs && (!inOutputs || windows.outputsOf != batch.hash))))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: combine of rows that belong to another batch than its plan: {}", communicator->rank(),
                    ofReceived ? "they lie where received rows do, and the last dispatch was of another plan, "
                                 "or `reserve` has made that memory anew since"
                               : "they lie in the memory of expertRows, which was asked for with another "
                                 "plan, or has held a copy of rows that lay elsewhere since, or they hold their place "
                                 "or their stride no more"));
  if (!windows.outputsFit(batch)) {
    auto anyStaged = exchanges->meetAny(activity, staged, "combine");
    if (!anyStaged)
      return anyStaged.status();
    if (*anyStaged)
      FARO_RETURN_IF_ERROR(windows.ensureOutputs(batch));
  }
  if (!staged)
    return inOutputs ? OutputsWindow : ReceivedWindow;
  FARO_RETURN_IF_ERROR(stageRows(batch, y));
  windows.outputsOf = 0; // what the caller had there is overwritten
  return OutputsWindow;
}

Status SessionImpl::beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                                 const float *weights, Rows out) {
  ++stats.combines;
  auto batch = enter(plan, "combine");
  if (!batch)
    return batch.status();
  const uint32_t rank = communicator->rank();
  const int64_t rowBytes = int64_t(program.row.bytes);
  if (program.op != FARO_ABI_COMBINE || !experts.contains(&program) || !sameShuffle(program, *plan->program))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: {} does not combine what {} dispatched: rows and their stride, layout and routes "
                        "must be the same",
                        rank, program.name, plan->program->name)};
  if (y.rows != plan->receivedRows || (y.rows > 0 && (!y.data || y.stride < rowBytes)))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: combine of {} expert rows at {}, {} bytes apart; expected the {} rows "
                        "of the dispatch, padding included, at least {} bytes apart, and an address",
                        rank, y.rows, y.data, y.stride, plan->receivedRows, rowBytes)};
  if (out.rows != plan->tokens || (out.rows > 0 && (!out.data || !weights || out.stride < rowBytes)))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: combine into {} rows at {}, {} bytes apart, with weights at {}; expected the plan's "
                        "{} tokens, at least {} bytes apart, and addresses",
                        rank, out.rows, out.data, out.stride, static_cast<const void *>(weights), plan->tokens,
                        rowBytes)};
  FARO_RETURN_IF_ERROR(checkDeviceRows("combine", out.data, out.rows, out.stride, program.row));
  const uint64_t outBytes = spanOf(out.rows, out.stride, program.row.bytes);
  if (out.rows > 0 && (windows.received.holds(out.data, outBytes) || windows.outputs.holds(out.data, outBytes)))
    return {
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: combine into rows that lie where received rows or those of expertRows do, which other "
                    "ranks read meanwhile; give it memory of your own",
                    rank)};
  const faro_abi_schedule &schedule = *scheduleOf(program, path());
  const uint16_t activity = activityOf(program, Combine);
  auto window = locateRows(**batch, y, activity);
  if (!window)
    return window.status();
  if ((*batch)->across)
    FARO_RETURN_IF_ERROR(windows.ensurePartials(*(*batch)->across, schedule.partial_stride));
  auto run = startCombine(parts(), program, schedule, **batch, weights, out, {activity, *window});
  if (!run)
    return run.status();
  return begin({std::move(*batch), std::move(*run), &stats.combineNs});
}

//===----------------------------------------------------------- sources ---===//

/// The ranks of a node meet twice: when all have cleared their windows, and when everything has been written.
Expected<std::vector<Source>> SessionImpl::runSources(const Batch &batch) {
  FARO_RETURN_IF_ERROR(windows.ensureOrigins(batch));
  const uint16_t activity = activityOf(*batch.program, Sources);
  auto *mine = reinterpret_cast<Origin *>(windows.origins.mine());
  for (int64_t row = 0; row < batch.receivedRows; ++row)
    mine[row].rank = -1;
  FARO_RETURN_IF_ERROR(exchanges->meet(activity, "sources"));
  FARO_RETURN_IF_ERROR(exchanges->origins().exchange(batch, windows.origins));
  FARO_RETURN_IF_ERROR(exchanges->meet(activity, "sources"));
  std::vector<Source> result(size_t(batch.receivedRows), Source{-1, -1, -1});
  for (size_t row = 0; row < result.size(); ++row)
    if (mine[row].rank >= 0)
      result[row] = {mine[row].rank, mine[row].token, mine[row].choice};
  return result;
}

} // namespace faro
