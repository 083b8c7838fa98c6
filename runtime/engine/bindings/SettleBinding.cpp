// A slice of partial rows that arrived: those of this rank's tokens that it completes are summed, the rows of the slice
// read where they lie.
#include "runtime/engine/bindings/ArrivedSlices.h"
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/PartialSums.h"

namespace faro {

namespace {

class SettleBinding final : public SliceBinding {
public:
  SettleBinding(const RunContext &run, const faro_abi_stage &stage)
      : run(run), stage(stage), slices(run, stage), self(run.topology().localIndex(run.rank())) {}

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &flow, uint32_t n) override {
    auto slice = slices.open(flow, n);
    if (!slice)
      return slice.status();
    mine.clear();
    uint64_t at = slice->rowsAt; // a partial row has one place
    const Status placed = slice->reader.forEachPlace(run.parts.scratch->offsets, [&](uint32_t local, uint32_t row) {
      if (local == self)
        mine.push_back({row, at});
      at += slice->reader.stride();
      return true;
    });
    return placed ? run.sums->sumInSlot(stage, mine) : slices.damaged(flow, n, placed);
  }

private:
  const RunContext &run;
  const faro_abi_stage &stage;
  const ArrivedSlices slices;
  const uint32_t self;                   ///< this rank's local index
  std::vector<PartialSums::InSlot> mine; ///< rows of this rank's tokens
};

} // namespace

std::unique_ptr<SliceBinding> bindSettle(const RunContext &run, const faro_abi_stage &stage) {
  return std::make_unique<SettleBinding>(run, stage);
}

} // namespace faro
