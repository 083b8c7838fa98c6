// A slot's slice, to the other end of the flow.
#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/Bindings.h"

namespace faro {

namespace {

class WireBinding final : public SliceBinding {
public:
  WireBinding(const RunContext &run, const faro_abi_stage &stage) : run(run), stage(stage) {}

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &flow, uint32_t n) override {
    const uint64_t sequence = flow.begun + n;
    SliceRings &rings = *run.rings;
    SlotContent &content = rings.content(rings.sharedSlot(flow.out->tokens, stage.from, sequence));
    SessionStatistics &statistics = *run.parts.statistics;
    ++statistics.slices;
    statistics.wireRows += rings.shape.rowsOfSlice(n, flow.rows);
    for (const faro_iov &piece : content.pieces)
      statistics.wireBytes += piece.size;
    statistics.wireBytes += content.rows.size;
    statistics.wireDeviceBytes += content.rows.size;
    return run.parts.exchange->deliver(rings, *flow.out, sequence, content);
  }

private:
  const RunContext &run;
  const faro_abi_stage &stage;
};

} // namespace

std::unique_ptr<SliceBinding> bindWire(const RunContext &run, const faro_abi_stage &stage) {
  return std::make_unique<WireBinding>(run, stage);
}

} // namespace faro
