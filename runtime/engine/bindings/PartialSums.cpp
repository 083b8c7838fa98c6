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
const std::byte *PartialSums::sumShares(const faro_abi_stage &stage, int64_t begin, int64_t end) {
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
  const int64_t shares = int64_t(scratch.offsets.size()) - 1;
  scratch.rows.resize((uint64_t(shares) * stride + sizeof(RunScratch::Line) - 1) / sizeof(RunScratch::Line));
  addAddressesToFetch(scratch.addresses);
  if (shares > 0)
    run.kernel<faro_abi_pull_fn>(stage.share_kernel)(scratch.rows.data(), int64_t(stride), scratch.offsets.data(),
                                                     scratch.addresses.data(), scratch.weights.data(), 0, shares);
  return scratch.rows.empty() ? nullptr : scratch.rows.front().bytes;
}

void PartialSums::sum(const faro_abi_stage &stage, bool rest) {
  const NodePlan &across = *run.batch->across;
  const uint32_t *offsets = across.partialOffsets.data();
  const int64_t begin = token, tokens = run.batch->tokens;
  const uint64_t most = GrainBytes / stride + 1;
  while (token < tokens && offsets[token] - offsets[begin] < most && (rest || isComplete(token)))
    ++token;
  if (token == begin)
    return;
  uint64_t share = reinterpret_cast<uint64_t>(sumShares(stage, begin, token));
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
  const auto kernel = run.kernelFor<faro_abi_pull_fn>(stage, uint64_t(out.rows) * run.program->row.stride, aligned);
  // The kernel counts from the first row of all.
  const uintptr_t rows = reinterpret_cast<uintptr_t>(scratch.addresses.data()) - first * sizeof(uint64_t);
  const uintptr_t factors = reinterpret_cast<uintptr_t>(scratch.weights.data()) - first * sizeof(float);
  kernel(out.data, out.stride, offsets, reinterpret_cast<const uint64_t *>(rows),
         reinterpret_cast<const float *>(factors), begin, token);
}

void PartialSums::sumStored(const faro_abi_stage &stage) {
  const int64_t before = token;
  sum(stage, /*rest=*/false);
  run.parts.statistics->settledTokens += uint64_t(token - before);
}

bool PartialSums::sumRest(const faro_abi_stage &stage) {
  sum(stage, /*rest=*/true);
  return token == run.batch->tokens;
}

} // namespace faro
