// A slice that arrived: each of its rows is read once and stored to all its places on this node. In a dispatch these
// are final rows, in a combine the partial row of the token's owner, unless that is this rank and has summed the token.
#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/ArrivedSlices.h"
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/PartialSums.h"

namespace faro {

namespace {

class FanOutBinding final : public SliceBinding {
public:
  FanOutBinding(const RunContext &run, const faro_abi_stage &stage) : run(run), slices(run, stage) {
    const bool combines = run.program->op == FARO_ABI_COMBINE;
    stride = combines ? run.schedule->partial_stride : run.program->row.stride;
    const Window &window = combines ? run.parts.windows->partials : run.parts.windows->received;
    for (const uint32_t rank : run.nodeRanks())
      bases.push_back(reinterpret_cast<uint64_t>(window.of(rank)));
    self = run.topology().localIndex(run.rank());
    kernel = run.kernelIndex(stage, slices.windowRows()[self] * stride, stride % 64 == 0);
  }

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &flow, uint32_t n) override {
    auto slice = slices.open(flow, n);
    if (!slice)
      return slice.status();
    if (run.batch->check)
      FARO_RETURN_IF_ERROR(checkPlaces(flow, n, slice->reader));

    RunScratch &scratch = *run.parts.scratch;
    scratch.addresses.clear();
    const Status placed = slice->reader.forEachPlace(scratch.offsets, [&](uint32_t local, uint32_t row) {
      // On a device a row that is stored will be there when a kernel that sums it runs: that is launched behind.
      if (run.sums && local == self && !run.sums->stores(row))
        return false;
      scratch.addresses.push_back(bases[local] + row * stride);
      return true;
    });
    if (!placed)
      return slices.damaged(flow, n, placed);
    if (!scratch.addresses.empty())
      FARO_RETURN_IF_ERROR(run.kernels->push(kernel, reinterpret_cast<const void *>(slice->rowsAt),
                                             slice->reader.stride(), scratch.offsets, scratch.addresses));

    SessionStatistics &statistics = *run.parts.statistics;
    ++statistics.slicesReceived;
    statistics.wholeSlices += flow.in->whole != nullptr;
    statistics.wireRowsReceived += slice->reader.rows();
    statistics.wireBytesReceived += slice->bytes;
    return Status::ok();
  }

private:
  Status checkPlaces(const FlowRun &flow, uint32_t n, const SliceReader &slice) {
    std::vector<Place> places;
    std::vector<uint32_t> offsets;
    FARO_RETURN_IF_ERROR(slice.forEachPlace(offsets, [&](uint32_t local, uint32_t row) {
      places.push_back({run.nodeRanks()[local], row});
      return true;
    }));
    for (uint32_t row = 0; row < slice.rows(); ++row) {
      const uint32_t flowRow = n * run.rings->shape.rowsPerSlice + row;
      const auto ofRow = std::span<const Place>(places).subspan(offsets[row], offsets[row + 1] - offsets[row]);
      FARO_RETURN_IF_ERROR(run.program->op == FARO_ABI_DISPATCH
                               ? run.batch->check->arrived(flow.peer(), flowRow, ofRow)
                               : run.batch->check->returned(flow.peer(), ofRow, returned));
    }
    return Status::ok();
  }

  const RunContext &run;
  const ArrivedSlices slices;
  uint32_t kernel;
  uint64_t stride;
  uint32_t self;               ///< this rank's local index
  std::vector<uint64_t> bases; ///< of the windows, by local index
  Returned returned;           ///< with FARO_CHECK=1
};

} // namespace

std::unique_ptr<SliceBinding> bindFanOut(const RunContext &run, const faro_abi_stage &stage) {
  return std::make_unique<FanOutBinding>(run, stage);
}

} // namespace faro
