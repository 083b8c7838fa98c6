#include "runtime/plan/Planner.h"

#include "runtime/plan/ItemOrder.h"

#include <fmt/format.h>

namespace faro {

Expected<std::vector<uint32_t>> countItems(const faro_abi_routes &routes, uint32_t rank, TopkIdx idx) {
  if (idx.tokens < 0 || uint64_t(idx.tokens) > MaxRows / routes.topk)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {}: {} tokens x top-{}, expected between 0 and {} items",
                                                     rank, idx.tokens, routes.topk, MaxRows));
  std::vector<uint32_t> counts(routes.experts);
  const int64_t items = idx.tokens * routes.topk;
  for (int64_t i = 0; i < items; ++i) {
    const int64_t e = idx.data[i];
    if (e >= 0 && e < int64_t(routes.experts))
      ++counts[size_t(e)];
    else if (e != -1)
      return Status(
          FARO_INVALID_ARGUMENT,
          fmt::format("rank {}, token {}, choice {}: expert {} is out of range, expected 0 to {}, or -1 to drop "
                      "the choice",
                      rank, i / routes.topk, i % routes.topk, e, routes.experts - 1));
  }
  return counts;
}

namespace {

/// What the counts of all ranks say about one rank's part: where its items start, and how many rows everybody has. The
/// counts, [ranks x experts], are read in the order of memory, once: they are what grows with the job.
struct Layout {
  std::vector<uint64_t>
      cursors; ///< this rank's first row, by expert, or by destination where the expert does not decide
  std::vector<uint64_t> rowsOfRank;
  std::vector<RowRun> padding;      ///< of this rank
  std::vector<int64_t> groupStarts; ///< of this rank, after each group
};

class Walk {
public:
  Walk(const faro_abi_program &program, const ExpertMap &map, std::span<const uint32_t> counts, uint32_t rank,
       bool blockPerExpert)
      : map(map), counts(counts), rank(rank), blockPerExpert(blockPerExpert), align(program.layout.align) {
    out.rowsOfRank.resize(map.ranks());
    out.cursors.resize(blockPerExpert ? map.experts() : map.ranks());
  }

  /// Rows by expert, then by source: a group is one expert's.
  Layout expertFirst() {
    std::vector<uint64_t> before(map.experts()), all(map.experts()); // of the sources up to this rank; of all
    for (uint32_t source = 0; source < map.ranks(); ++source) {
      if (source == rank)
        before = all;
      const uint32_t *count = &counts[size_t(source) * map.experts()];
      for (uint32_t e = 0; e < map.experts(); ++e)
        all[e] += count[e];
    }
    for (uint32_t destination = 0; destination < map.ranks(); ++destination)
      for (uint32_t i = map.firstOfRank[destination]; i < map.firstOfRank[destination + 1]; ++i) {
        const uint32_t expert = map.expertsBy[i];
        out.cursors[expert] = out.rowsOfRank[destination] + before[expert];
        out.rowsOfRank[destination] += all[expert];
        endGroup(destination);
      }
    return std::move(out);
  }

  /// Rows by source: a group is what one source has for a destination.
  Layout sourceFirst() {
    for (uint32_t source = 0; source < map.ranks(); ++source) {
      const uint32_t *count = &counts[size_t(source) * map.experts()];
      for (uint32_t destination = 0; destination < map.ranks(); ++destination) {
        const uint32_t first = map.firstOfRank[destination], last = map.firstOfRank[destination + 1];
        if (source == rank && !blockPerExpert)
          out.cursors[destination] = out.rowsOfRank[destination];
        for (uint32_t i = first; i < last; ++i) {
          if (source == rank && blockPerExpert)
            out.cursors[map.expertsBy[i]] = out.rowsOfRank[destination];
          out.rowsOfRank[destination] += count[map.expertsBy[i]];
        }
        if (first != last)
          endGroup(destination);
      }
    }
    return std::move(out);
  }

private:
  void endGroup(uint32_t destination) {
    uint64_t &row = out.rowsOfRank[destination];
    const uint64_t end = row;
    row = (end + align - 1) / align * align;
    if (destination != rank)
      return;
    if (end != row)
      out.padding.push_back({end, row - end});
    out.groupStarts.push_back(int64_t(row));
  }

  const ExpertMap &map;
  std::span<const uint32_t> counts;
  uint32_t rank;
  bool blockPerExpert;
  uint64_t align;
  Layout out;
};

} // namespace

/// Lists each token's kept choices: the descriptors' skeleton, without places.
static void listItems(Plan &plan, const faro_abi_routes &routes, TopkIdx idx) {
  const uint32_t topk = routes.topk;
  plan.offsets.resize(size_t(idx.tokens) + 1);
  plan.choices.reserve(size_t(idx.tokens) * topk);
  for (int64_t t = 0; t < idx.tokens; ++t) {
    for (uint32_t k = 0; k < topk; ++k)
      if (idx.data[t * topk + k] >= 0)
        plan.choices.push_back(uint32_t(t * topk + k));
    plan.offsets[size_t(t) + 1] = uint32_t(plan.choices.size());
  }
}

Expected<Plan> makePlan(const faro_abi_program &program, const ExpertMap &map, uint32_t rank,
                        std::span<const uint32_t> counts, TopkIdx idx) {
  Plan plan;
  plan.program = &program;
  plan.tokens = idx.tokens;
  listItems(plan, program.routes, idx);

  const ItemOrder order = itemOrder(program.layout);
  const bool expertFirst = program.layout.order[0] == FARO_ABI_KEY_EXPERT;
  Walk walk(program, map, counts, rank, order.blockPerExpert);
  Layout layout = expertFirst ? walk.expertFirst() : walk.sourceFirst();
  for (uint32_t destination = 0; destination < map.ranks(); ++destination)
    if (const uint64_t rows = layout.rowsOfRank[destination]; rows > MaxRows)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} would receive {} rows, more than the {} that a batch may "
                                "have; send smaller batches",
                                destination, rows, MaxRows));
  plan.receivedRows = int64_t(layout.rowsOfRank[rank]);
  plan.rowsOfRank = std::move(layout.rowsOfRank);
  plan.padding = std::move(layout.padding);
  if (expertFirst) {
    plan.expertOffsets.push_back(0);
    plan.expertOffsets.insert(plan.expertOffsets.end(), layout.groupStarts.begin(), layout.groupStarts.end());
  }
  for (uint32_t i = map.firstOfRank[rank]; i < map.firstOfRank[rank + 1]; ++i) {
    int64_t sum = 0;
    for (uint32_t source = 0; source < map.ranks(); ++source)
      sum += counts[size_t(source) * map.experts() + map.expertsBy[i]];
    plan.expertCounts.push_back(sum);
  }

  plan.places.resize(plan.choices.size());
  auto place = [&](uint32_t item) {
    const uint32_t expert = uint32_t(idx.data[plan.choices[item]]);
    const uint32_t owner = map.owner[expert];
    plan.places[item] = {owner, uint32_t(layout.cursors[order.blockPerExpert ? expert : owner]++)};
  };
  if (order.sortKeys.empty()) {
    for (uint32_t item = 0; item < plan.choices.size(); ++item)
      place(item);
  } else {
    for (uint32_t item : sortItems(order, program.routes, plan, idx))
      place(item);
  }
  return plan;
}

} // namespace faro
