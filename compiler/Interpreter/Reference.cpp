#include "compiler/Interpreter/Reference.h"

#include "compiler/Interpreter/Number.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace faro::reference {

uint64_t bytesOf(Element element) { return element == Element::F32 ? 4 : 2; }

Program fromAbi(const faro_abi_program &program) {
  Program result;
  result.name = program.name;
  result.isDispatch = program.op == FARO_ABI_DISPATCH;
  result.element = result.partial = Element(program.row.element);
  for (uint32_t i = 0; i < program.schedule_count; ++i)
    if (program.schedules[i].partial)
      result.partial = Element(program.schedules[i].partial);
  result.columns = program.row.columns;
  result.topk = program.routes.topk;

  layout::Key keys[4];
  for (int i = 0; i < 4; ++i)
    keys[i] = layout::Key(program.layout.order[i]);
  if (auto order = layout::Order::complete(keys))
    result.layout.order = *order;
  result.layout.align = program.layout.align;

  const faro_abi_routes &routes = program.routes;
  if (routes.placement == FARO_ABI_PLACEMENT_TABLE)
    result.placement = layout::Placement::table({routes.table, routes.table + routes.table_size});
  else if (routes.placement == FARO_ABI_PLACEMENT_ROUND_ROBIN)
    result.placement = layout::Placement::roundRobin(routes.experts);
  else
    result.placement = layout::Placement::block(routes.experts);
  return result;
}

std::string checkRouting(const Program &program, uint32_t source, const Routing &routing) {
  const uint64_t expected = routing.tokens * program.topk;
  if (routing.topkIdx.size() != expected)
    return fmt::format("rank {}: topk_idx has {} entries, expected {} tokens x top-{} = {}", source,
                       routing.topkIdx.size(), routing.tokens, program.topk, expected);
  for (uint64_t i = 0; i < expected; ++i)
    if (const int64_t e = routing.topkIdx[i]; e < -1 || e >= int64_t(program.placement.experts()))
      return fmt::format("rank {}, token {}, choice {}: expert {} is out of range, expected 0 to {}, or -1 to drop",
                         source, i / program.topk, i % program.topk, e, program.placement.experts() - 1);
  return {};
}

Dispatched dispatch(const Program &program, uint32_t rank, const std::vector<Routing> &routingOfSource) {
  const uint32_t ranks = uint32_t(routingOfSource.size());
  std::vector<layout::Item> items;
  for (uint32_t source = 0; source < ranks; ++source) {
    const Routing &routing = routingOfSource[source];
    for (uint32_t token = 0; token < routing.tokens; ++token)
      for (uint32_t choice = 0; choice < program.topk; ++choice) {
        const int64_t expert = routing.topkIdx[uint64_t(token) * program.topk + choice];
        if (expert >= 0 && program.placement.owner(uint32_t(expert), ranks) == rank)
          items.push_back({uint32_t(expert), source, token, choice});
      }
  }

  Dispatched result;
  const std::vector<uint32_t> local = program.placement.expertsOf(rank, ranks);
  for (uint32_t expert : local) {
    int64_t count = 0;
    for (const layout::Item &item : items)
      count += item.expert == expert;
    result.expertCounts.push_back(count);
  }
  result.rows = layout::layOut(program.layout, program.placement, ranks, rank, std::move(items));
  if (program.layout.order.first() == layout::Key::Expert)
    result.expertOffsets.assign(result.rows.groupStarts.begin(), result.rows.groupStarts.end());
  return result;
}

float toFloat(Element element, const std::byte *value) {
  if (element == Element::F32) {
    float wide;
    std::memcpy(&wide, value, sizeof wide);
    return wide;
  }
  uint16_t bits;
  std::memcpy(&bits, value, sizeof bits);
  return element == Element::BF16 ? fromBf16(bits) : fromF16(bits);
}

void fromFloat(Element element, float value, std::byte *out) {
  if (element == Element::F32) {
    const float result = canonical(value);
    std::memcpy(out, &result, sizeof result);
    return;
  }
  const uint16_t bits = element == Element::BF16 ? toBf16(value) : toF16(value);
  std::memcpy(out, &bits, sizeof bits);
}

/// The sum of one column over the rows that are not null.
static float weightedSum(const Program &program, const std::vector<const std::byte *> &rows, const float *weights,
                         uint64_t column) {
  float sum = 0;
  for (size_t k = 0; k < rows.size(); ++k) {
    if (!rows[k])
      continue;
    // volatile: the product is rounded before it is added, whatever the compiler may contract.
    const volatile float product = weights[k] * toFloat(program.element, rows[k] + column * bytesOf(program.element));
    sum += product;
  }
  return sum;
}

void combineRow(const Program &program, const std::vector<const std::byte *> &rows, const float *weights,
                std::byte *out) {
  for (uint64_t column = 0; column < program.columns; ++column)
    fromFloat(program.element, weightedSum(program, rows, weights, column), out + column * bytesOf(program.element));
}

/// 0, 1, ... in the order of the nodes' smallest ranks.
static std::vector<size_t> numbered(const NodeOfRank &nodeOfRank) {
  std::vector<size_t> numbers;
  std::vector<uint32_t> labels;
  for (uint32_t label : nodeOfRank) {
    const auto known = std::find(labels.begin(), labels.end(), label);
    numbers.push_back(size_t(known - labels.begin()));
    if (known == labels.end())
      labels.push_back(label);
  }
  return numbers;
}

void combineRow(const Program &program, const NodeOfRank &nodeOfRank, const int64_t *experts,
                const std::vector<const std::byte *> &rows, const float *weights, std::byte *out) {
  const std::vector<size_t> nodeOf = numbered(nodeOfRank);
  const size_t nodes = *std::max_element(nodeOf.begin(), nodeOf.end()) + 1;
  if (nodes == 1)
    return combineRow(program, rows, weights, out);
  // The rows of each node that has some, at the places of their choices.
  std::vector<std::vector<const std::byte *>> rowsOf(nodes);
  for (size_t k = 0; k < rows.size(); ++k)
    if (rows[k]) {
      auto &there = rowsOf[nodeOf[program.placement.owner(uint32_t(experts[k]), uint32_t(nodeOfRank.size()))]];
      there.resize(rows.size());
      there[k] = rows[k];
    }
  for (uint64_t column = 0; column < program.columns; ++column) {
    float sum = 0;
    for (const auto &there : rowsOf) {
      if (there.empty())
        continue;
      std::byte share[sizeof(float)];
      fromFloat(program.partial, weightedSum(program, there, weights, column), share);
      sum += toFloat(program.partial, share);
    }
    fromFloat(program.element, sum, out + column * bytesOf(program.element));
  }
}

} // namespace faro::reference
