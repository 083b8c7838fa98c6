// The next slice of a flow: its rows, from the caller's tokens or from the transit window, and their places. By copy
// the rows go to the slot too; by reference the wire takes them from where they lie. It cannot where that is a device.
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/CopyRows.h"
#include "runtime/engine/bindings/PlacesOfRow.h"
#include "runtime/engine/bindings/TransitWindow.h"

#include <algorithm>

namespace faro {

namespace {

class GatherBinding final : public SliceBinding {
public:
  GatherBinding(const RunContext &run, const faro_abi_stage &stage, ConstRows x) : run(run), stage(stage), x(x) {
    for (const SendFlow &flow : run.batch->across->sends)
      cursors.push_back({flow.firstLoad, 0});
  }

  Expected<bool> ready(const FlowRun &, uint32_t) override { return true; }

  Status fire(FlowRun &flow, uint32_t n) override {
    SliceRings &rings = *run.rings;
    const uint32_t rows = rings.shape.rowsOfSlice(n, flow.rows);
    const uint32_t slot = rings.sharedSlot(flow.out->tokens, stage.into, flow.begun + n);
    auto memory = rings.sharedMemory(stage.into, slot);
    if (!memory)
      return memory.status();

    SliceWriter writer(memory->bytes, rows);
    sources.clear();
    Cursor &cursor = cursors[flow.index];
    for (uint32_t left = rows; left > 0;) {
      const Load &load = run.batch->across->loads[cursor.load];
      const uint32_t count = std::min(left, load.rows - cursor.row);
      addRows(writer, load, cursor.row, count);
      left -= count;
      cursor.row += count;
      if (cursor.row == load.rows)
        cursor = {cursor.load + 1, 0};
    }
    const bool byReference = stage.gather == FARO_ABI_BY_REFERENCE && !run.parts.device;
    const uint64_t stride = byReference ? run.program->row.bytes : rings.shape.rowStride;
    writer.finish(run.mine.activity, run.call, flow.begun + n, uint32_t(stride), run.batch->hash);
    if (byReference) {
      refer(rings.fillHead(slot, *memory, writer.headBytes()));
      return Status::ok();
    }
    rings.fill(slot, *memory, writer.headBytes(), rows * stride);
    std::vector<uint64_t> &addresses = run.parts.scratch->addresses;
    addresses.resize(rows);
    const uint64_t firstRow = memory->rowsAt(writer.headBytes());
    for (uint32_t i = 0; i < rows; ++i)
      addresses[i] = firstRow + i * stride;
    return run.kernels->copy(stage.kernel, sources, addresses);
  }

private:
  /// The first row of the flow that is not gathered.
  struct Cursor {
    uint32_t load, row;
  };

  void addRows(SliceWriter &writer, const Load &load, uint32_t first, uint32_t count) {
    if (load.owner == run.rank()) {
      for (uint32_t remote = load.first + first; remote < load.first + first + count; ++remote) {
        addSource(sources, static_cast<const std::byte *>(x.data) + run.batch->across->rowToken[remote] * x.stride,
                  x.stride);
        forEachPlaceOf(run, remote, [&](uint32_t local, uint32_t row) { writer.add(local, row); });
        writer.endRow();
      }
      return;
    }
    const TransitWindow transit(run, run.rank());
    for (uint32_t row = load.first + first; row < load.first + first + count; ++row) {
      addSource(sources, transit.row(row), transit.stride());
      const SliceRun *runs = transit.runs(row);
      for (uint64_t i = 0; i < transit.runCount(row); ++i)
        writer.add(runs[i].local, runs[i].row);
      writer.endRow();
    }
  }

  void refer(std::vector<faro_iov> &pieces) const {
    const uint64_t bytes = run.program->row.bytes;
    for (const SourceRun &source : sources) {
      if (source.stride == int64_t(bytes))
        pieces.push_back({source.first, source.rows * bytes});
      else
        for (uint32_t i = 0; i < source.rows; ++i)
          pieces.push_back({source.first + i * source.stride, bytes});
    }
  }

  const RunContext &run;
  const faro_abi_stage &stage;
  ConstRows x;
  std::vector<Cursor> cursors; ///< by flow
  std::vector<SourceRun> sources;
};

} // namespace

std::unique_ptr<SliceBinding> bindGather(const RunContext &run, const faro_abi_stage &stage, ConstRows x) {
  return std::make_unique<GatherBinding>(run, stage, x);
}

} // namespace faro
