#include "runtime/engine/bindings/PartialSums.h"

#include "runtime/engine/bindings/ExpertRows.h"

#include <algorithm>

namespace faro {

PartialSums::PartialSums(const RunContext &run, Rows out)
    : run(run), out(out), stride(run.schedule->partial_stride), shares(run.batch->across->shares),
      arrived(run.batch->across->remoteRows()) {}

bool PartialSums::isComplete(int64_t t) const {
  const NodePlan &across = *run.batch->across;
  const auto rows = std::span(across.partialRows)
                        .subspan(across.partialOffsets[t], across.partialOffsets[t + 1] - across.partialOffsets[t]);
  return std::ranges::all_of(rows, [this](uint32_t row) { return row < shares || arrived[row - shares]; });
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
  const uint32_t first = offsets[begin], last = offsets[token];
  RunScratch &scratch = *run.parts.scratch;
  const uint64_t window = reinterpret_cast<uint64_t>(run.parts.windows->partials.mine());
  scratch.addresses.resize(last - first);
  for (uint32_t i = first; i < last; ++i)
    scratch.addresses[i - first] = window + across.partialRows[i] * stride;
  scratch.weights.assign(last - first, 1.0f);
  addAddressesToFetch(scratch.addresses);
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
