// A slice that arrived: each of its rows is read once and stored to all its places on this node. In a dispatch these
// are final rows, in a combine the partial row of the token's owner.
#include "runtime/engine/Slice.h"
#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/PartialSums.h"

#include <fmt/format.h>

namespace faro {

namespace {

class FanOutBinding final : public SliceBinding {
public:
  FanOutBinding(const RunContext &run, const faro_abi_stage &stage) : run(run), stage(stage) {
    const bool combines = run.program->op == FARO_ABI_COMBINE;
    stride = combines ? run.schedule->partial_stride : run.program->row.stride;
    uint64_t mine = 0;
    for (const uint32_t rank : run.nodeRanks()) {
      const Window &window = combines ? run.parts.windows->partials : run.parts.windows->received;
      bases.push_back(reinterpret_cast<uint64_t>(window.of(rank)));
      windowRows.push_back(combines ? run.batch->across->partialRowsOfRank[windowRows.size()]
                                    : run.batch->rowsOfRank[rank]);
      if (rank == run.rank())
        mine = windowRows.back() * stride, self = uint32_t(windowRows.size() - 1);
    }
    kernel = run.kernelIndex(stage, mine, stride % 64 == 0);
  }

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &flow, uint32_t n) override {
    const SliceShape &shape = run.rings->shape;
    const uint64_t sequence = flow.begun + n, slot = sequence % flow.in->bytes.size();
    auto memory = run.rings->arrivalMemory(*flow.in, sequence);
    if (!memory)
      return memory.status();
    const uint32_t rows = shape.rowsOfSlice(n, flow.rows);
    const uint64_t bytes = flow.in->bytes[slot];
    auto slice = SliceReader::open({memory->bytes, bytes}, {run.mine.activity, run.call, sequence, rows, shape.rowBytes,
                                                            shape.mostPlaces, windowRows, run.batch->hash});
    if (!slice)
      return damaged(flow, n, slot, slice.status());
    if (run.batch->check)
      FARO_RETURN_IF_ERROR(checkPlaces(flow, n, *slice));

    RunScratch &scratch = *run.parts.scratch;
    scratch.addresses.clear();
    const Status placed = slice->forEachPlace(scratch.offsets, [&](uint32_t local, uint32_t row) {
      scratch.addresses.push_back(bases[local] + row * stride);
      // On a device it will be, when a kernel that sums it runs: that is launched behind.
      if (run.sums && local == self)
        run.sums->stored(row);
    });
    if (!placed)
      return damaged(flow, n, slot, placed);
    FARO_RETURN_IF_ERROR(run.kernels->push(kernel,
                                           reinterpret_cast<const void *>(memory->forKernelsAt(slice->firstRow())),
                                           slice->stride(), scratch.offsets, scratch.addresses));

    SessionStatistics &statistics = *run.parts.statistics;
    ++statistics.slicesReceived;
    statistics.wireRowsReceived += rows;
    statistics.wireBytesReceived += bytes;
    return Status::ok();
  }

  void finish(FlowRun &flow, uint32_t n) override {
    flow.in->bytes[(flow.begun + n) % flow.in->bytes.size()] = 0;
    ++flow.in->consumed;
  }

private:
  Status damaged(const FlowRun &flow, uint32_t n, uint64_t slot, const Status &why) const {
    return {why.code(),
            fmt::format("rank {}: stage {} of {} cannot use slice {} of {} from rank {}, in slot {} of ring "
                        "{}: {}",
                        run.rank(), stage.name, run.schedule->name, n, flow.slices, flow.peer(), slot,
                        run.rings->shape.rings[stage.from].name, why.message())};
  }

  Status checkPlaces(const FlowRun &flow, uint32_t n, const SliceReader &slice) {
    std::vector<Place> places;
    std::vector<uint32_t> offsets;
    FARO_RETURN_IF_ERROR(slice.forEachPlace(
        offsets, [&](uint32_t local, uint32_t row) { places.push_back({run.nodeRanks()[local], row}); }));
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
  const faro_abi_stage &stage;
  uint32_t kernel;
  uint64_t stride;
  uint32_t self = 0;                       ///< this rank's local index
  std::vector<uint64_t> bases, windowRows; ///< by local index
  Returned returned;                       ///< with FARO_CHECK=1
};

} // namespace

std::unique_ptr<SliceBinding> bindFanOut(const RunContext &run, const faro_abi_stage &stage) {
  return std::make_unique<FanOutBinding>(run, stage);
}

} // namespace faro
