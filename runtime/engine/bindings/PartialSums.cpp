#include "runtime/engine/bindings/PartialSums.h"

#include "runtime/engine/bindings/ExpertRows.h"

#include <algorithm>

namespace faro {

PartialSums::PartialSums(const RunContext &run, const Combined &combined)
    : run(run), combined(combined), stride(run.schedule->partial_stride), arrived(run.batch->across->remoteRows()) {}

bool PartialSums::isComplete(int64_t t) const {
  const NodePlan &across = *run.batch->across;
  const auto begin = across.partialRows.begin();
  return std::all_of(begin + across.partialOffsets[t], begin + across.partialOffsets[t + 1],
                     [this](uint32_t row) { return row == NodePlan::OwnShare || arrived[row]; });
}

/// One row for each of these tokens that has items on this node.
Expected<const std::byte *> PartialSums::sumShares(const faro_abi_stage &stage, int64_t begin, int64_t end) {
  const NodePlan &across = *run.batch->across;
  const Plan &plan = *run.batch;
  if (bases.empty())
    bases = expertRowBases(run, stage);
  RunScratch &scratch = *run.parts.scratch;
  scratch.offsets.assign(1, 0);
  scratch.addresses.clear();
  scratch.weights.clear();
  for (int64_t t = begin; t < end; ++t) {
    if (across.localOffsets[t] == across.localOffsets[t + 1])
      continue;
    for (uint32_t i = across.localOffsets[t]; i < across.localOffsets[t + 1]; ++i) {
      const uint32_t item = across.localItems[i];
      const Place &place = plan.places[item];
      scratch.addresses.push_back(bases[run.topology().localIndex(place.rank)] + place.row * run.program->row.stride);
      scratch.weights.push_back(combined.weights[plan.choices[item]]);
    }
    scratch.offsets.push_back(uint32_t(scratch.addresses.size()));
  }
  const uint64_t shares = scratch.offsets.size() - 1;
  if (shares == 0)
    return nullptr;
  addAddressesToFetch(scratch.addresses);
  auto rows = run.kernels->scratchRows(shares * stride);
  if (!rows)
    return rows.status();
  FARO_RETURN_IF_ERROR(run.kernels->pull(stage.share_kernel, *rows, int64_t(stride), scratch.offsets, scratch.addresses,
                                         scratch.weights));
  return *rows;
}

Status PartialSums::sum(const faro_abi_stage &stage, bool rest) {
  const NodePlan &across = *run.batch->across;
  const std::span<const uint32_t> offsets = across.partialOffsets;
  const int64_t begin = token, tokens = run.batch->tokens;
  const uint64_t most = run.kernels->grainBytes() / stride + 1;
  while (token < tokens && offsets[token] - offsets[begin] < most && (rest || isComplete(token)))
    ++token;
  if (token == begin)
    return Status::ok();
  const auto shares = sumShares(stage, begin, token);
  if (!shares)
    return shares.status();
  uint64_t share = reinterpret_cast<uint64_t>(*shares);
  const uint64_t window = reinterpret_cast<uint64_t>(run.parts.windows->partials.mine());
  const uint32_t first = offsets[begin], last = offsets[token];
  RunScratch &scratch = *run.parts.scratch;
  scratch.addresses.resize(last - first);
  for (uint32_t i = first; i < last; ++i) {
    const uint32_t row = across.partialRows[i];
    scratch.addresses[i - first] = row == NodePlan::OwnShare ? share : window + row * stride;
    share += row == NodePlan::OwnShare ? stride : 0;
  }
  scratch.weights.assign(last - first, 1.0f);
  addAddressesToFetch(scratch.addresses);
  const Rows &out = combined.out;
  const bool aligned = reinterpret_cast<uint64_t>(out.data) % 64 == 0 && out.stride % 64 == 0;
  return run.kernels->pull(run.kernelIndex(stage, uint64_t(out.rows) * run.program->row.stride, aligned),
                           static_cast<std::byte *>(out.data) + begin * out.stride, out.stride,
                           offsets.subspan(size_t(begin), size_t(token - begin) + 1), scratch.addresses,
                           scratch.weights);
}

Status PartialSums::sumStored(const faro_abi_stage &stage) {
  const int64_t before = token;
  FARO_RETURN_IF_ERROR(sum(stage, /*rest=*/false));
  run.parts.statistics->settledTokens += uint64_t(token - before);
  return Status::ok();
}

Expected<bool> PartialSums::sumRest(const faro_abi_stage &stage) {
  FARO_RETURN_IF_ERROR(sum(stage, /*rest=*/true));
  return token == run.batch->tokens;
}

} // namespace faro
