#include "runtime/device/cuda/ShuffleTerms.h"

#include "runtime/core/ModuleTerms.h"
#include "runtime/plan/PlanHash.h"

#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace faro::cuda {

namespace {

/// What ranks must agree on.
struct Terms {
  Digest module;
  int64_t rows;
  uint32_t dispatch, combine, inPlace, chunkTokens;
  bool operator==(const Terms &) const = default;
};

Status agree(Communicator &communicator, const Module &module, const DeviceShuffleOptions &options) {
  Terms terms{};
  terms.module = termsOf(module.abi());
  terms.rows = options.mostRows;
  terms.dispatch = uint32_t(options.dispatch - module.abi().programs);
  terms.combine = options.combine ? uint32_t(options.combine - module.abi().programs) : module.abi().program_count;
  terms.inPlace = options.inPlace;
  terms.chunkTokens = options.dispatch->plan->chunk_tokens;
  Bytes mine(sizeof terms);
  std::memcpy(mine.data(), &terms, sizeof terms);
  auto all = communicator.allgather(mine, "terms of a shuffle on devices");
  if (!all)
    return all.status();
  for (uint32_t rank = 0; rank < communicator.size(); ++rank)
    if ((*all)[rank] != mine)
      return {
          FARO_INVALID_ARGUMENT,
          fmt::format("rank {} makes a shuffle on devices of another module, other programs, mostRows or inPlace than "
                      "rank {} ({}, {} rows); they must be the same on all ranks",
                      rank, communicator.rank(), module.name(), options.mostRows)};
  return Status::ok();
}

/// Faults that a rank finds by itself.
Status check(const Communicator &communicator, const Module &module, const DeviceShuffleOptions &options) {
  for (const faro_abi_program *program : {options.dispatch, options.combine ? options.combine : options.dispatch})
    if (program < module.abi().programs || program >= module.abi().programs + module.abi().program_count)
      return {FARO_INVALID_ARGUMENT, fmt::format("{} is no program of {}", program->name, module.name())};
  const faro_abi_program &dispatch = *options.dispatch;
  if (communicator.topology().nodes() != 1)
    return {FARO_UNAVAILABLE, fmt::format("batches are planned on devices within one node, and there are {}; use a "
                                          "Session",
                                          communicator.topology().nodes())};
  if (!dispatch.plan)
    return {
        FARO_UNAVAILABLE,
        fmt::format("{}: {} has no kernels that plan on a device: expected a dispatch of rows in the order [expert, "
                    "source, token], compiled by faroc with --target=cpu,cuda:sm_<number>, or just in time with "
                    "planning (CompileTargets::planning, faro_compile_targets.planning)",
                    module.name(), dispatch.name)};
  if (options.combine && (options.combine->op != FARO_ABI_COMBINE || !sameShuffle(*options.combine, dispatch)))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("{} does not combine what {} dispatches: rows, layout and routes must be "
                        "the same",
                        options.combine->name, dispatch.name)};
  constexpr int64_t MostItems = std::numeric_limits<uint32_t>::max();
  if (options.mostTokens < 0 || options.mostTokens > MostItems / dispatch.routes.topk || options.mostRows < 0 ||
      options.mostRows > MostItems)
    return {FARO_INVALID_ARGUMENT, fmt::format("mostTokens {} x top-{} and mostRows {}: expected between 0 and {} each",
                                               options.mostTokens, dispatch.routes.topk, options.mostRows, MostItems)};
  return Status::ok();
}

} // namespace

Status agreeOnShuffle(Communicator &communicator, const Module &module, const DeviceShuffleOptions &options) {
  FARO_RETURN_IF_ERROR(check(communicator, module, options));
  return agree(communicator, module, options);
}

} // namespace faro::cuda
