#include "runtime/plan/Planner.h"

#include "runtime/plan/ItemOrder.h"

#include <fmt/format.h>
#include <limits>

namespace faro {

constexpr uint64_t MaxRows = std::numeric_limits<uint32_t>::max();

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

/// Where this source's next item goes: one cursor per expert, or per destination where the expert does not decide.
struct Cursors {
  std::vector<uint64_t> next;
  bool perExpert = true;
};

/// Walks the rows of one destination in layout order, block by block. A block is what one source sends for one expert,
/// or for all experts of the destination.
class Walk {
public:
  Walk(const faro_abi_program &program, const ExpertMap &map, std::span<const uint32_t> counts, uint32_t rank,
       bool blockPerExpert, Cursors &cursors)
      : program(program), map(map), counts(counts), rank(rank), blockPerExpert(blockPerExpert), cursors(cursors) {}

  /// Returns the rows of `destination`. Calls endOfGroup(group, end of its items, start of the next group).
  template <typename EndOfGroup> uint64_t rows(uint32_t destination, EndOfGroup endOfGroup) {
    row = 0;
    const uint32_t first = map.firstOfRank[destination], last = map.firstOfRank[destination + 1];
    const bool expertFirst = program.layout.order[0] == FARO_ABI_KEY_EXPERT;
    const uint32_t groups = expertFirst ? last - first : map.ranks();
    for (uint32_t group = 0; group < groups; ++group) {
      if (expertFirst)
        for (uint32_t source = 0; source < map.ranks(); ++source)
          expertBlock(source, map.expertsBy[first + group]);
      else
        sourceBlocks(group, destination, first, last);
      const uint64_t end = row;
      row = (row + program.layout.align - 1) / program.layout.align * program.layout.align;
      endOfGroup(group, end, row);
    }
    return row;
  }

private:
  uint32_t count(uint32_t source, uint32_t expert) const { return counts[size_t(source) * map.experts() + expert]; }

  void expertBlock(uint32_t source, uint32_t expert) {
    if (source == rank)
      cursors.next[expert] = row;
    row += count(source, expert);
  }

  void sourceBlocks(uint32_t source, uint32_t destination, uint32_t first, uint32_t last) {
    if (!blockPerExpert && source == rank)
      cursors.next[destination] = row;
    for (uint32_t i = first; i < last; ++i) {
      if (blockPerExpert)
        expertBlock(source, map.expertsBy[i]);
      else
        row += count(source, map.expertsBy[i]);
    }
  }

  const faro_abi_program &program;
  const ExpertMap &map;
  std::span<const uint32_t> counts;
  uint32_t rank;
  bool blockPerExpert;
  Cursors &cursors;
  uint64_t row = 0;
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
  Cursors cursors;
  cursors.perExpert = order.blockPerExpert;
  cursors.next.resize(order.blockPerExpert ? map.experts() : map.ranks());

  const bool expertFirst = program.layout.order[0] == FARO_ABI_KEY_EXPERT;
  Walk walk(program, map, counts, rank, order.blockPerExpert, cursors);
  if (expertFirst)
    plan.expertOffsets.push_back(0);
  for (uint32_t destination = 0; destination < map.ranks(); ++destination) {
    const uint64_t rows = walk.rows(destination, [&](uint32_t, uint64_t end, uint64_t next) {
      if (destination != rank)
        return;
      if (end != next)
        plan.padding.push_back({end, next - end});
      if (expertFirst)
        plan.expertOffsets.push_back(int64_t(next));
    });
    if (rows > MaxRows)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} would receive {} rows, more than the {} that a batch may "
                                "have; send smaller batches",
                                destination, rows, MaxRows));
    plan.rowsOfRank.push_back(rows);
    if (destination == rank)
      plan.receivedRows = int64_t(rows);
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
    plan.places[item] = {owner, uint32_t(cursors.next[cursors.perExpert ? expert : owner]++)};
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
