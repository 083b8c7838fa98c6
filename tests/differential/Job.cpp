#include "tests/differential/Job.h"

#include <cstring>
#include <fmt/format.h>

namespace faro::differential {

namespace {

struct Comparison {
  const reference::Program &program;
  const std::vector<Input> &inputs;
  const reference::NodeOfRank &nodes;
  uint32_t rank;

  const std::byte *token(const layout::Item &item) const {
    return inputs[item.source].tokens.data() + item.token * program.rowBytes();
  }

  std::string received(const Received &got, const reference::Dispatched &expected) const {
    if (size_t(got.rows.rows) != expected.rows.rows.size())
      return fmt::format("{} rows, expected {}", got.rows.rows, expected.rows.rows.size());
    if (!std::equal(got.expertCounts.begin(), got.expertCounts.end(), expected.expertCounts.begin(),
                    expected.expertCounts.end()))
      return "expert_counts differ";
    if (!std::equal(got.expertOffsets.begin(), got.expertOffsets.end(), expected.expertOffsets.begin(),
                    expected.expertOffsets.end()))
      return "expert_offsets differ";
    const std::vector<std::byte> zeros(program.rowBytes());
    for (size_t row = 0; row < expected.rows.rows.size(); ++row) {
      const auto &item = expected.rows.rows[row];
      const auto *bytes = static_cast<const std::byte *>(got.rows.data) + row * size_t(got.rows.stride);
      if (std::memcmp(bytes, item ? token(*item) : zeros.data(), program.rowBytes()) != 0)
        return fmt::format("received row {} differs{}", row, item ? "" : " (padding)");
    }
    return {};
  }

  std::string origins(const std::vector<Source> &got, const reference::Dispatched &expected) const {
    for (size_t row = 0; row < expected.rows.rows.size(); ++row) {
      const auto &item = expected.rows.rows[row];
      const Source want = item ? Source{item->source, item->token, item->choice} : Source{-1, -1, -1};
      if (got[row].rank != want.rank || got[row].token != want.token || got[row].choice != want.choice)
        return fmt::format("origin of row {} is ({}, {}, {})", row, got[row].rank, got[row].token, got[row].choice);
    }
    return {};
  }

  /// Experts return what they got: an item's result row is its token.
  std::string combined(const reference::Program &combine, const std::vector<std::byte> &got, size_t stride) const {
    const Input &mine = inputs[rank];
    std::vector<std::byte> expected(program.rowBytes());
    for (uint32_t t = 0; t < mine.routing.tokens; ++t) {
      std::vector<const std::byte *> rows;
      for (uint32_t k = 0; k < program.topk; ++k)
        rows.push_back(mine.routing.topkIdx[t * program.topk + k] < 0 ? nullptr
                                                                      : mine.tokens.data() + t * program.rowBytes());
      reference::combineRow(combine, nodes, mine.routing.topkIdx.data() + t * program.topk, rows,
                            mine.weights.data() + t * program.topk, expected.data());
      if (std::memcmp(got.data() + t * stride, expected.data(), expected.size()) != 0)
        return fmt::format("combined token {} differs", t);
      for (size_t b = program.rowBytes(); b < stride; ++b)
        if (got[t * stride + b] != std::byte(0xee))
          return fmt::format("combine wrote behind token {}", t);
    }
    return {};
  }
};

} // namespace

static std::string once(Session &session, const Module &module, const Comparison &compare,
                        const reference::Dispatched &expected, const std::shared_ptr<const Plan> &plan,
                        ExpertMemory memory, size_t outPadding) {
  const reference::Program &program = compare.program;
  const Input &mine = compare.inputs[compare.rank];
  auto got = session.dispatch(plan, {mine.tokens.data(), int64_t(mine.routing.tokens), int64_t(program.rowBytes())});
  if (!got)
    return got.status().message();
  if (std::string wrong = compare.received(*got, expected); !wrong.empty())
    return wrong;

  ConstRows y{got->rows.data, got->rows.rows, got->rows.stride};
  std::vector<std::byte> elsewhere;
  if (memory == ExpertMemory::OwnedBySession) {
    auto rows = session.expertRows(plan);
    if (!rows)
      return rows.status().message();
    for (int64_t r = 0; r < rows->rows; ++r)
      std::memcpy(static_cast<std::byte *>(rows->data) + r * rows->stride,
                  static_cast<const std::byte *>(y.data) + r * y.stride, program.rowBytes());
    y = {rows->data, rows->rows, rows->stride};
  } else if (memory == ExpertMemory::Elsewhere) {
    elsewhere.resize(size_t(y.rows) * program.rowBytes());
    for (int64_t r = 0; r < y.rows; ++r)
      std::memcpy(elsewhere.data() + size_t(r) * program.rowBytes(),
                  static_cast<const std::byte *>(y.data) + r * y.stride, program.rowBytes());
    y = {elsewhere.data(), y.rows, int64_t(program.rowBytes())};
  }

  auto combine = module.only(FARO_ABI_COMBINE);
  if (!combine)
    return combine.status().message();
  const size_t stride = program.rowBytes() + outPadding;
  std::vector<std::byte> out(mine.routing.tokens * stride, std::byte(0xee));
  const Status status = session.combine(**combine, plan, y, mine.weights.data(),
                                        {out.data(), int64_t(mine.routing.tokens), int64_t(stride)});
  return status.isOk() ? compare.combined(reference::fromAbi(**combine), out, stride) : status.message();
}

std::string runAndCompare(Session &session, const Module &module, const Topology &topology, uint32_t rank,
                          const std::vector<Input> &inputs, ExpertMemory memory) {
  auto dispatch = module.only(FARO_ABI_DISPATCH);
  if (!dispatch)
    return dispatch.status().message();
  const reference::Program program = reference::fromAbi(**dispatch);
  std::vector<reference::Routing> routing;
  for (const Input &input : inputs)
    routing.push_back(input.routing);
  const reference::Dispatched expected = reference::dispatch(program, rank, routing);
  const reference::NodeOfRank nodes(topology.nodeOfRanks().begin(), topology.nodeOfRanks().end());
  const Comparison compare{program, inputs, nodes, rank};

  auto plan = session.prepare(**dispatch, {routing[rank].topkIdx.data(), int64_t(routing[rank].tokens)});
  if (!plan)
    return plan.status().message();
  for (size_t outPadding : {size_t(0), size_t(6)})
    if (std::string wrong = once(session, module, compare, expected, *plan, memory, outPadding); !wrong.empty())
      return wrong;
  auto origins = session.sources(*plan);
  return origins ? compare.origins(*origins, expected) : origins.status().message();
}

} // namespace faro::differential
