#include "runtime/engine/bindings/PartialSums.h"

#include "runtime/engine/bindings/ExpertRows.h"

#include <algorithm>

namespace faro {

PartialSums::PartialSums(const RunContext &run, const Combined &combined)
    : run(run), combined(combined), stride(run.schedule->partial_stride),
      window(reinterpret_cast<uint64_t>(run.parts.windows->partials.mine())),
      grain(int64_t(run.kernels->grainBytes() / stride) + 1), rowAt(run.batch->across->remoteRows()),
      summed(size_t(run.batch->tokens)) {}

/// Not summed, and all of its rows are here.
bool PartialSums::isReady(int64_t t) const {
  const NodePlan &across = *run.batch->across;
  const auto begin = across.partialRows.begin();
  return !summed[t] && std::all_of(begin + across.partialOffsets[t], begin + across.partialOffsets[t + 1],
                                   [this](uint32_t row) { return row == NodePlan::OwnShare || rowAt[row] != 0; });
}

/// Tokens [begin, this) can be summed together; at most so many.
int64_t PartialSums::endOfRun(int64_t begin, int64_t most, bool rest) const {
  const int64_t last = std::min(begin + most, run.batch->tokens);
  int64_t end = begin;
  while (end < last && (rest ? !summed[end] : isReady(end)))
    ++end;
  return end;
}

void PartialSums::passSummed() {
  while (first < run.batch->tokens && summed[first])
    ++first;
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

Status PartialSums::sum(const faro_abi_stage &stage, int64_t begin, int64_t end) {
  const NodePlan &across = *run.batch->across;
  const std::span<const uint32_t> offsets = across.partialOffsets;
  const auto shares = sumShares(stage, begin, end);
  if (!shares)
    return shares.status();
  uint64_t share = reinterpret_cast<uint64_t>(*shares);
  RunScratch &scratch = *run.parts.scratch;
  scratch.addresses.clear();
  for (uint32_t i = offsets[begin]; i < offsets[end]; ++i) {
    const uint32_t row = across.partialRows[i];
    if (row == NodePlan::OwnShare) {
      scratch.addresses.push_back(share);
      share += stride;
    } else {
      scratch.addresses.push_back(rowAt[row] ? rowAt[row] : window + row * stride);
    }
  }
  scratch.weights.assign(scratch.addresses.size(), 1.0f);
  addAddressesToFetch(scratch.addresses);
  std::fill(summed.begin() + begin, summed.begin() + end, true);
  FARO_RETURN_IF_ERROR(run.kernels->awaitPushed());
  const Rows &out = combined.out;
  return run.kernels->pull(run.pullKernel(stage, out), static_cast<std::byte *>(out.data) + begin * out.stride,
                           out.stride, offsets.subspan(size_t(begin), size_t(end - begin) + 1), scratch.addresses,
                           scratch.weights);
}

/// Rows of a flow are in the order of tokens, so the tokens of a slice mostly follow each other. Those between them
/// that need no row of it, and those before all, are summed with them, or would be left to the end.
Status PartialSums::sumInSlot(const faro_abi_stage &stage, std::span<const InSlot> rows) {
  const std::span<const uint32_t> tokenOf = run.batch->across->rowToken;
  for (const InSlot &row : rows)
    if (rowAt[row.row] == 0)
      rowAt[row.row] = row.address;
  uint64_t &settled = run.parts.statistics->settledTokens;
  int64_t left = std::max(grain, int64_t(rows.size()));
  const auto sumFrom = [&](int64_t token) {
    const int64_t end = endOfRun(token, std::max<int64_t>(left, 1), /*rest=*/false);
    left -= end - token;
    settled += uint64_t(end - token);
    return end > token ? sum(stage, token, end) : Status::ok();
  };
  for (const InSlot &row : rows)
    if (isReady(tokenOf[row.row]))
      FARO_RETURN_IF_ERROR(sumFrom(tokenOf[row.row]));
  for (const InSlot &row : rows)
    if (rowAt[row.row] == row.address)
      rowAt[row.row] = 0;
  passSummed();
  return left > 0 && first < run.batch->tokens ? sumFrom(first) : Status::ok();
}

bool PartialSums::stores(uint32_t row) {
  if (summed[run.batch->across->rowToken[row]])
    return false;
  rowAt[row] = window + row * stride;
  return true;
}

Expected<bool> PartialSums::sumRest(const faro_abi_stage &stage) {
  passSummed();
  if (const int64_t end = endOfRun(first, grain, /*rest=*/true); end > first)
    FARO_RETURN_IF_ERROR(sum(stage, first, end));
  passSummed();
  return first == run.batch->tokens;
}

} // namespace faro
