// After each slice: this rank's tokens that are complete now.
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/PartialSums.h"

namespace faro {

namespace {

class SettleBinding final : public SliceBinding {
public:
  SettleBinding(const faro_abi_stage &stage, PartialSums &sums) : stage(stage), sums(sums) {}

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &, uint32_t) override { return sums.sumStored(stage); }

private:
  const faro_abi_stage &stage;
  PartialSums &sums;
};

} // namespace

std::unique_ptr<SliceBinding> bindSettle(const faro_abi_stage &stage, PartialSums &sums) {
  return std::make_unique<SettleBinding>(stage, sums);
}

} // namespace faro
