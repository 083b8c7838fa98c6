// Rows that leave by another rank of the node: to that rail's transit window, with their places on the node that they
// go to, which only their owner knows.
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/CopyRows.h"
#include "runtime/engine/bindings/PlacesOfRow.h"
#include "runtime/engine/bindings/TransitWindow.h"

#include <algorithm>

namespace faro {

/// To whole lines: a kernel stores past the cache, and neighbours are other ranks'.
static uint64_t roundUp(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

uint64_t transitRowBytes(const faro_abi_program &dispatch) { return roundUp(dispatch.row.stride); }

uint64_t transitPlaceBytes(const faro_abi_program &dispatch) {
  return roundUp(sizeof(uint64_t) + dispatch.routes.topk * sizeof(SliceRun));
}

namespace {

class HandBinding final : public OnceBinding {
public:
  HandBinding(const RunContext &run, const faro_abi_stage &stage, ConstRows x) : run(run), stage(stage), x(x) {}

  Expected<bool> step() override {
    const std::vector<Piece> &pieces = run.batch->across->pieces;
    while (piece < pieces.size() && pieces[piece].rail == run.rank())
      ++piece;
    if (piece == pieces.size())
      return true;
    const Piece &each = pieces[piece];
    const uint32_t most = uint32_t(run.kernels->grainBytes() / run.program->row.stride + 1);
    const uint32_t rows = std::min(each.rows - row, most);
    FARO_RETURN_IF_ERROR(hand(each, row, rows));
    row += rows;
    if (row == each.rows) {
      row = 0;
      ++piece;
    }
    return false;
  }

private:
  Status hand(const Piece &each, uint32_t first, uint32_t rows) {
    const TransitWindow to(run, each.rail);
    std::vector<uint64_t> &addresses = run.parts.scratch->addresses;
    addresses.clear();
    sources.clear();
    for (uint32_t i = first; i < first + rows; ++i) {
      const uint32_t remote = each.firstRow + i, transit = each.transitRow + i;
      addSource(sources, static_cast<const std::byte *>(x.data) + run.batch->across->rowToken[remote] * x.stride,
                x.stride);
      addresses.push_back(reinterpret_cast<uint64_t>(to.row(transit)));
      SliceRun *runs = to.runs(transit);
      uint64_t count = 0;
      forEachPlaceOf(run, remote, [&](uint32_t local, uint32_t at) { runs[count++] = {uint16_t(local), 1, at}; });
      to.runCount(transit) = count;
    }
    run.parts.statistics->movedRows += rows;
    return run.kernels->copy(stage.kernel, sources, addresses);
  }

  const RunContext &run;
  const faro_abi_stage &stage;
  ConstRows x;
  std::vector<SourceRun> sources;
  size_t piece = 0;
  uint32_t row = 0; ///< of the piece, the first that is not handed over
};

} // namespace

std::unique_ptr<OnceBinding> bindHand(const RunContext &run, const faro_abi_stage &stage, ConstRows x) {
  return std::make_unique<HandBinding>(run, stage, x);
}

} // namespace faro
