// This rank's tokens, summed from result rows where they lie (one node), or from the partial rows of its partial
// window, in the order of nodes and with weights 1 (several).
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/ExpertRows.h"

namespace faro {

namespace {

class PullBinding final : public OnceBinding {
public:
  PullBinding(const RunContext &run, const faro_abi_stage &stage, const Combined &combined)
      : run(run), stage(stage), weights(combined.weights), out(combined.out) {
    const auto &across = run.batch->across;
    offsets = across ? across->partialOffsets.data() : run.batch->offsets.data();
    stride = across ? run.schedule->partial_stride : run.program->row.stride;
    const bool aligned = reinterpret_cast<uint64_t>(out.data) % 64 == 0 && out.stride % 64 == 0;
    kernel = run.kernelFor<faro_abi_pull_fn>(stage, uint64_t(out.rows) * run.program->row.stride, aligned);
  }

  Expected<bool> step() override {
    const int64_t begin = token, tokens = run.batch->tokens;
    const uint64_t most = run.batch->across ? GrainBytes / stride + 1 : ~uint64_t(0);
    while (token < tokens && offsets[token] - offsets[begin] < most)
      ++token;
    const uint32_t first = offsets[begin], last = offsets[token];
    if (run.batch->across)
      listPartialRows(first, last);
    else
      listResultRows(first, last);
    RunScratch &scratch = *run.parts.scratch;
    addAddressesToFetch(scratch.addresses);
    // The kernel counts from the first row of all.
    const uintptr_t rows = reinterpret_cast<uintptr_t>(scratch.addresses.data()) - first * sizeof(uint64_t);
    const uintptr_t factors = reinterpret_cast<uintptr_t>(scratch.weights.data()) - first * sizeof(float);
    kernel(out.data, out.stride, offsets, reinterpret_cast<const uint64_t *>(rows),
           reinterpret_cast<const float *>(factors), begin, token);
    return token == tokens;
  }

private:
  void listPartialRows(uint32_t first, uint32_t last) {
    RunScratch &scratch = *run.parts.scratch;
    const uint64_t base = reinterpret_cast<uint64_t>(run.parts.windows->partials.mine());
    scratch.addresses.resize(last - first);
    for (uint32_t i = first; i < last; ++i)
      scratch.addresses[i - first] = base + run.batch->across->partialRows[i] * stride;
    scratch.weights.assign(last - first, 1.0f);
  }

  void listResultRows(uint32_t first, uint32_t last) {
    RunScratch &scratch = *run.parts.scratch;
    const Plan &plan = *run.batch;
    const std::vector<uint64_t> bases = expertRowBases(run, stage); // on one node, the local index is the rank
    scratch.addresses.resize(last - first);
    scratch.weights.resize(last - first);
    for (uint32_t i = first; i < last; ++i) {
      scratch.addresses[i - first] = bases[plan.places[i].rank] + plan.places[i].row * stride;
      scratch.weights[i - first] = weights[plan.choices[i]];
    }
  }

  const RunContext &run;
  const faro_abi_stage &stage;
  const float *weights;
  Rows out;
  const uint32_t *offsets;
  uint64_t stride;
  faro_abi_pull_fn kernel;
  int64_t token = 0; ///< the first that is not summed
};

} // namespace

std::unique_ptr<OnceBinding> bindPull(const RunContext &run, const faro_abi_stage &stage, const Combined &combined) {
  return std::make_unique<PullBinding>(run, stage, combined);
}

} // namespace faro
