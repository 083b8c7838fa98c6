#include "runtime/engine/bindings/ArrivedSlices.h"

#include <fmt/format.h>

namespace faro {

ArrivedSlices::ArrivedSlices(const RunContext &run, const faro_abi_stage &stage) : run(run), stage(stage) {
  for (uint32_t local = 0; local < run.nodeRanks().size(); ++local)
    rowsOfWindow.push_back(run.program->op == FARO_ABI_COMBINE ? run.batch->across->partialRowsOfRank[local]
                                                               : run.batch->rowsOfRank[run.nodeRanks()[local]]);
}

Expected<ArrivedSlice> ArrivedSlices::open(FlowRun &flow, uint32_t n) const {
  const SliceShape &shape = run.rings->shape;
  const uint64_t sequence = flow.begun + n, slot = sequence % flow.in->bytes.size();
  const uint64_t bytes = flow.in->bytes[slot], apart = flow.in->rowsApart[slot];
  SliceExpectation expected{run.mine.activity, run.call,         sequence,     shape.rowsOfSlice(n, flow.rows),
                            shape.rowBytes,    shape.mostPlaces, rowsOfWindow, run.batch->hash};
  if (const WholeSlice *whole = flow.in->whole) {
    expected.apart = true;
    auto reader = SliceReader::open(whole->head, expected, whole->rows.size());
    return reader ? Expected(ArrivedSlice{*reader, reinterpret_cast<uint64_t>(whole->rows.data()), bytes})
                  : damaged(flow, n, reader.status());
  }
  auto memory = run.rings->arrivalMemory(*flow.in, sequence);
  if (!memory)
    return memory.status();
  expected.apart = memory->apart;
  auto reader = SliceReader::open({memory->bytes, bytes - apart}, expected, apart);
  if (!reader)
    return damaged(flow, n, reader.status());
  if (memory->apart)
    FARO_RETURN_IF_ERROR(run.kernels->seeArrived());
  return ArrivedSlice{*reader, memory->rowsAt(reader->headBytes()), bytes};
}

Status ArrivedSlices::damaged(const FlowRun &flow, uint32_t n, const Status &why) const {
  return {why.code(),
          fmt::format("rank {}: stage {} of {} cannot use slice {} of {} from rank {}, in slot {} of ring {}: {}",
                      run.rank(), stage.name, run.schedule->name, n, flow.slices, flow.peer(),
                      (flow.begun + n) % flow.in->bytes.size(), run.rings->shape.rings[stage.from].name,
                      why.message())};
}

} // namespace faro
