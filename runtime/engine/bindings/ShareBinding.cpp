// The own node's share of this rank's tokens: one sum for each token that has items here, into this rank's partial
// window.
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/ExpertRows.h"

namespace faro {

namespace {

class ShareBinding final : public OnceBinding {
public:
  ShareBinding(const RunContext &run, const faro_abi_stage &stage, const float *weights)
      : run(run), stage(stage), weights(weights) {
    const uint64_t stride = run.schedule->partial_stride;
    kernel = run.kernelFor<faro_abi_pull_fn>(stage, run.batch->across->shares * stride, stride % 64 == 0);
  }

  Expected<bool> step() override {
    const NodePlan &across = *run.batch->across;
    const Plan &plan = *run.batch;
    if (bases.empty())
      bases = expertRowBases(run, stage);
    const uint64_t rowStride = run.program->row.stride, stride = run.schedule->partial_stride;
    const size_t most = GrainBytes / rowStride + 1; // of rows that are read
    RunScratch &scratch = *run.parts.scratch;
    scratch.offsets.assign(1, 0);
    scratch.addresses.clear();
    scratch.weights.clear();
    const uint32_t begin = share;
    for (; share < across.shares && scratch.addresses.size() < most; ++token) {
      if (across.localOffsets[token] == across.localOffsets[token + 1])
        continue;
      for (uint32_t i = across.localOffsets[token]; i < across.localOffsets[token + 1]; ++i) {
        const uint32_t item = across.localItems[i];
        const Place &place = plan.places[item];
        scratch.addresses.push_back(bases[run.topology().localIndex(place.rank)] + place.row * rowStride);
        scratch.weights.push_back(weights[plan.choices[item]]);
      }
      scratch.offsets.push_back(uint32_t(scratch.addresses.size()));
      ++share;
    }
    addAddressesToFetch(scratch.addresses);
    if (share > begin)
      kernel(run.parts.windows->partials.mine() + begin * stride, int64_t(stride), scratch.offsets.data(),
             scratch.addresses.data(), scratch.weights.data(), 0, share - begin);
    return share == across.shares;
  }

private:
  const RunContext &run;
  const faro_abi_stage &stage;
  const float *weights;
  faro_abi_pull_fn kernel;
  std::vector<uint64_t> bases;   ///< by local index
  uint32_t share = 0, token = 0; ///< the first that are not summed
};

} // namespace

std::unique_ptr<OnceBinding> bindShare(const RunContext &run, const faro_abi_stage &stage, const float *weights) {
  return std::make_unique<ShareBinding>(run, stage, weights);
}

} // namespace faro
