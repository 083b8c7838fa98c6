// Items of this rank's tokens, straight into their final rows: all items on one node, those that stay here on several.
#include "runtime/engine/bindings/Bindings.h"

namespace faro {

namespace {

class PushBinding final : public OnceBinding {
public:
  PushBinding(const RunContext &run, const faro_abi_stage &stage, ConstRows x) : run(run), x(x) {
    const Plan &plan = *run.batch;
    const auto &across = run.batch->across;
    offsets = across ? across->localOffsets : plan.offsets;
    stride = run.program->row.stride;
    kernel = run.kernelIndex(stage, plan.places.size() * stride, stride % 64 == 0);
    for (const uint32_t rank : run.nodeRanks())
      bases.push_back(reinterpret_cast<uint64_t>(run.parts.windows->received.of(rank)));
  }

  Expected<bool> step() override {
    const Plan &plan = *run.batch;
    const auto &across = run.batch->across;
    const int64_t begin = token;
    // On one node nobody waits in between.
    const uint64_t most = across ? run.kernels->grainBytes() / stride + 1 : ~uint64_t(0);
    while (token < plan.tokens && offsets[token] - offsets[begin] < most)
      ++token;
    const uint32_t first = offsets[begin], items = offsets[token] - first;
    std::vector<uint64_t> &addresses = run.parts.scratch->addresses;
    addresses.resize(items);
    for (uint32_t i = 0; i < items; ++i) {
      const Place &place = plan.places[across ? across->localItems[first + i] : first + i];
      addresses[i] = bases[run.topology().localIndex(place.rank)] + place.row * stride;
    }
    FARO_RETURN_IF_ERROR(run.kernels->push(kernel, static_cast<const std::byte *>(x.data) + begin * x.stride, x.stride,
                                           offsets.subspan(size_t(begin), size_t(token - begin) + 1), addresses));
    return token == plan.tokens;
  }

private:
  const RunContext &run;
  ConstRows x;
  std::span<const uint32_t> offsets;
  uint64_t stride;
  uint32_t kernel;
  std::vector<uint64_t> bases; ///< by local index
  int64_t token = 0;           ///< the first that is not pushed
};

} // namespace

std::unique_ptr<OnceBinding> bindPush(const RunContext &run, const faro_abi_stage &stage, ConstRows x) {
  return std::make_unique<PushBinding>(run, stage, x);
}

} // namespace faro
