// This rank's tokens: on one node summed from result rows where they lie, on several what is left of their partial
// sums.
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/ExpertRows.h"
#include "runtime/engine/bindings/PartialSums.h"

namespace faro {

namespace {

class PullBinding final : public OnceBinding {
public:
  PullBinding(const RunContext &run, const faro_abi_stage &stage, const Combined &combined)
      : run(run), stage(stage), weights(combined.weights), out(combined.out), kernel(run.pullKernel(stage, out)) {}

  Expected<bool> step() override {
    const Plan &plan = *run.batch;
    const std::vector<uint64_t> bases = expertRowBases(run, stage); // on one node, the local index is the rank
    const uint32_t items = plan.offsets[plan.tokens];
    RunScratch &scratch = *run.parts.scratch;
    scratch.addresses.resize(items);
    scratch.weights.resize(items);
    for (uint32_t i = 0; i < items; ++i) {
      scratch.addresses[i] = bases[plan.places[i].rank] + plan.places[i].row * run.program->row.stride;
      scratch.weights[i] = weights[plan.choices[i]];
    }
    addAddressesToFetch(scratch.addresses);
    FARO_RETURN_IF_ERROR(
        run.kernels->pull(kernel, out.data, out.stride, plan.offsets, scratch.addresses, scratch.weights));
    return true;
  }

private:
  const RunContext &run;
  const faro_abi_stage &stage;
  const float *weights;
  Rows out;
  uint32_t kernel;
};

class PullRestBinding final : public OnceBinding {
public:
  PullRestBinding(const faro_abi_stage &stage, PartialSums &sums) : stage(stage), sums(sums) {}

  Expected<bool> step() override { return sums.sumRest(stage); }

private:
  const faro_abi_stage &stage;
  PartialSums &sums;
};

} // namespace

std::unique_ptr<OnceBinding> bindPull(const RunContext &run, const faro_abi_stage &stage, const Combined &combined) {
  if (run.sums)
    return std::make_unique<PullRestBinding>(stage, *run.sums);
  return std::make_unique<PullBinding>(run, stage, combined);
}

} // namespace faro
