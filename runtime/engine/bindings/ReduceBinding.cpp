// The next slice of sums that a flow's rail was asked to bring back: result rows of this node, read where they lie,
// summed in the order of k, each into a row of the slot.
#include "runtime/engine/Slice.h"
#include "runtime/engine/SliceExchange.h"
#include "runtime/engine/bindings/Ask.h"
#include "runtime/engine/bindings/Bindings.h"
#include "runtime/engine/bindings/ExpertRows.h"

#include <cstring>
#include <fmt/format.h>
#include <map>

namespace faro {

namespace {

/// What one flow was asked for so far.
struct Asked {
  struct Row {
    SliceRun home; ///< the owner's partial row
    uint32_t itemsEnd;
  };
  std::vector<Row> rows;
  std::vector<AskItem> items;
};

class ReduceBinding final : public SliceBinding {
public:
  ReduceBinding(const RunContext &run, const faro_abi_stage &stage) : run(run), stage(stage) {
    const auto &receives = run.batch->across->receives;
    asked.resize(receives.size());
    for (uint32_t i = 0; i < receives.size(); ++i) {
      flowOfRail[receives[i].rail] = i;
      asked[i].rows.reserve(receives[i].rows);
    }
    for (const uint32_t rank : run.nodeRanks())
      windowRows.push_back(run.batch->rowsOfRank[rank]);
  }

  Expected<bool> ready(const FlowRun &flow, uint32_t n) override {
    FARO_RETURN_IF_ERROR(takeAsks());
    const SliceShape &shape = run.rings->shape;
    return asked[flow.index].rows.size() >= uint64_t(n) * shape.rowsPerSlice + shape.rowsOfSlice(n, flow.rows);
  }

  Status fire(FlowRun &flow, uint32_t n) override {
    SliceRings &rings = *run.rings;
    const uint64_t sequence = flow.begun + n;
    const uint32_t slot = rings.sharedSlot(flow.out->tokens, stage.into, sequence);
    auto memory = rings.sharedMemory(stage.into, slot);
    if (!memory)
      return memory.status();
    if (bases.empty())
      bases = expertRowBases(run, stage);

    const Asked &from = asked[flow.index];
    const uint32_t rows = rings.shape.rowsOfSlice(n, flow.rows), first = n * rings.shape.rowsPerSlice;
    const uint32_t firstItem = first == 0 ? 0 : from.rows[first - 1].itemsEnd;
    SliceWriter writer(memory->bytes, rows);
    RunScratch &scratch = *run.parts.scratch;
    scratch.offsets.assign(1, 0);
    for (uint32_t row = first; row < first + rows; ++row) {
      writer.add(from.rows[row].home);
      writer.endRow();
      scratch.offsets.push_back(from.rows[row].itemsEnd - firstItem);
    }
    scratch.addresses.clear();
    scratch.weights.clear();
    const uint64_t rowStride = run.program->row.stride;
    for (uint32_t i = firstItem; i < firstItem + scratch.offsets.back(); ++i) {
      scratch.addresses.push_back(bases[from.items[i].local] + from.items[i].row * rowStride);
      scratch.weights.push_back(from.items[i].weight);
    }
    addAddressesToFetch(scratch.addresses);
    const uint64_t stride = rings.shape.rowStride;
    writer.finish(run.mine.activity, run.call, sequence, uint32_t(stride), run.batch->hash);
    rings.fill(slot, *memory, writer.headBytes(), rows * stride);
    return run.kernels->pull(stage.kernel, reinterpret_cast<void *>(memory->rowsAt(writer.headBytes())),
                             int64_t(stride), scratch.offsets, scratch.addresses, scratch.weights);
  }

private:
  /// Asks of this call. One of the next call stays: its sender has all that it needs of this one.
  Status takeAsks() {
    auto &waiting = run.parts.exchange->asks(*run.rings);
    for (auto ask = waiting.begin(); ask != waiting.end();) {
      AskHeader header;
      if (ask->bytes.size() < sizeof header)
        return refuse(ask->rank, fmt::format("its {} bytes are no ask", ask->bytes.size()));
      std::memcpy(&header, ask->bytes.data(), sizeof header);
      if (header.call > run.call) {
        ++ask;
        continue;
      }
      FARO_RETURN_IF_ERROR(take(*ask, header));
      ask = waiting.erase(ask);
    }
    return Status::ok();
  }

  Status take(const SliceExchange::Ask &ask, const AskHeader &header) {
    const auto flow = flowOfRail.find(header.rail);
    if (header.call != run.call || header.activity != run.mine.activity)
      return refuse(ask.rank, fmt::format("it is for call {} (activity {:#x}), expected {} ({:#x})", header.call,
                                          header.activity, run.call, run.mine.activity));
    if (header.plan != run.batch->hash)
      return {FARO_INVALID_ARGUMENT,
              fmt::format("rank {} and rank {} make the same call with plans of different batches; all ranks must give "
                          "the plan of the same prepare",
                          run.rank(), ask.rank)};
    if (flow == flowOfRail.end() || !run.topology().sameNode(header.rail, ask.rank))
      return refuse(ask.rank, fmt::format("nothing goes back by rank {}", header.rail));
    Asked &to = asked[flow->second];
    const uint64_t expected = run.batch->across->receives[flow->second].rows;
    if (to.rows.size() + header.rows > expected)
      return refuse(ask.rank, fmt::format("it makes {} rows for rank {}, expected {}", to.rows.size() + header.rows,
                                          header.rail, expected));
    const uint64_t bytes =
        sizeof header + header.rows * uint64_t(sizeof(AskRow)) + header.items * uint64_t(sizeof(AskItem));
    if (ask.bytes.size() != bytes)
      return refuse(ask.rank, fmt::format("it has {} bytes, expected {}", ask.bytes.size(), bytes));

    const std::byte *from = ask.bytes.data() + sizeof header;
    const size_t firstItem = to.items.size();
    if (firstItem + header.items > std::numeric_limits<uint32_t>::max())
      return refuse(ask.rank, fmt::format("with it rank {} asks for {} items, more than can be counted", header.rail,
                                          firstItem + header.items));
    to.items.resize(firstItem + header.items);
    std::memcpy(to.items.data() + firstItem, from + header.rows * sizeof(AskRow), header.items * sizeof(AskItem));
    for (size_t i = firstItem; i < to.items.size(); ++i)
      if (to.items[i].local >= windowRows.size() || to.items[i].row >= windowRows[to.items[i].local])
        return refuse(ask.rank, fmt::format("it names row {} of local rank {}, which is not there", to.items[i].row,
                                            to.items[i].local));
    const uint32_t owner = run.topology().localIndex(ask.rank);
    uint64_t end = firstItem;
    for (uint32_t i = 0; i < header.rows; ++i) {
      AskRow row;
      std::memcpy(&row, from + i * sizeof row, sizeof row);
      end += row.items;
      if (row.items == 0 || row.items > run.program->routes.topk || end > to.items.size())
        return refuse(ask.rank, fmt::format("its row {} has {} items", i, row.items));
      to.rows.push_back({{uint16_t(owner), 1, row.partialRow}, uint32_t(end)});
    }
    return end == to.items.size()
               ? Status::ok()
               : refuse(ask.rank, fmt::format("its rows have {} items less than it says", to.items.size() - end));
  }

  Status refuse(uint32_t rank, const std::string &why) const {
    return {FARO_DATA_LOSS, fmt::format("rank {}: stage {} of {} cannot use an ask of rank {}: {}", run.rank(),
                                        stage.name, run.schedule->name, rank, why)};
  }

  const RunContext &run;
  const faro_abi_stage &stage;
  std::vector<Asked> asked; ///< by flow
  std::map<uint32_t, uint32_t> flowOfRail;
  std::vector<uint64_t> windowRows, bases; ///< by local index
};

} // namespace

std::unique_ptr<SliceBinding> bindReduce(const RunContext &run, const faro_abi_stage &stage) {
  return std::make_unique<ReduceBinding>(run, stage);
}

} // namespace faro
