// This rank's rows, told to the forwarders that sum them: where their items lie, their weights, and where the sums
// belong.
#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/Ask.h"
#include "runtime/engine/bindings/Bindings.h"

#include <cstring>

namespace faro {

namespace {

class AskBinding final : public OnceBinding {
public:
  AskBinding(const RunContext &run, const float *weights) : run(run), weights(weights) {}

  /// One message.
  Expected<bool> step() override {
    const NodePlan &across = *run.batch->across;
    if (piece == across.pieces.size())
      return true;
    const Piece &each = across.pieces[piece];
    rows.clear();
    items.clear();
    for (; row < each.rows && (rows.empty() || bytes() < AskBytes); ++row)
      add(each.firstRow + row);
    const AskHeader header{run.call,  run.batch->hash,       run.mine.activity,
                           each.rail, uint32_t(rows.size()), uint32_t(items.size())};
    message.resize(bytes());
    std::byte *to = message.data();
    std::memcpy(to, &header, sizeof header);
    std::memcpy(to += sizeof header, rows.data(), rows.size() * sizeof(AskRow));
    std::memcpy(to += rows.size() * sizeof(AskRow), items.data(), items.size() * sizeof(AskItem));
    FARO_RETURN_IF_ERROR(run.parts.exchange->ask(*run.rings, each.forwarder, message));
    if (row == each.rows) {
      row = 0;
      ++piece;
    }
    return piece == across.pieces.size();
  }

private:
  uint64_t bytes() const { return sizeof(AskHeader) + rows.size() * sizeof(AskRow) + items.size() * sizeof(AskItem); }

  void add(uint32_t remoteRow) {
    const NodePlan &across = *run.batch->across;
    const Plan &plan = *run.batch;
    const uint32_t begin = across.rowItems[remoteRow], end = across.rowItems[remoteRow + 1];
    rows.push_back({remoteRow, end - begin});
    for (uint32_t i = begin; i < end; ++i) {
      const Place &place = plan.places[across.items[i]];
      items.push_back({run.topology().localIndex(place.rank), place.row, weights[plan.choices[across.items[i]]]});
    }
  }

  const RunContext &run;
  const float *weights;
  std::vector<AskRow> rows;
  std::vector<AskItem> items;
  Bytes message;
  size_t piece = 0;
  uint32_t row = 0; ///< of the piece, the first that is not asked for
};

} // namespace

std::unique_ptr<OnceBinding> bindAsk(const RunContext &run, const faro_abi_stage &, const float *weights) {
  return std::make_unique<AskBinding>(run, weights);
}

} // namespace faro
