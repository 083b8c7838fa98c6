#include "runtime/device/cuda/ShuffleCheck.h"

#include "runtime/plan/PlanCheck.h"
#include "runtime/plan/Planner.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro::cuda {
namespace {

constexpr uint64_t RowsAt = 0, TokensAt = 8, TopkIdxAt = 16; // in the memory; the board is last

uint64_t boardBytes(const ExpertMap &map) { return uint64_t(map.ranks()) * map.experts() * sizeof(uint32_t); }

template <typename T> Status readTo(std::vector<T> &to, Stream &stream, uint64_t from, size_t count) {
  to.resize(count);
  return stream.toHost(to.data(), from, count * sizeof(T));
}

/// "row 5 of rank 1", of an address in one of the ranks' windows.
template <typename BaseFn>
std::string placeOf(uint64_t address, const PlanMemory &plan, uint64_t stride, BaseFn baseOf) {
  const faro_abi_plan_area &area = plan.area();
  for (uint32_t rank = 0; rank < area.ranks; ++rank)
    if (const uint64_t base = baseOf(rank); address >= base && address < base + area.capacity * stride)
      return (address - base) % stride == 0
                 ? fmt::format("row {} of rank {}", (address - base) / stride, rank)
                 : fmt::format("byte {} of the window of rank {}, within a row", address - base, rank);
  return fmt::format("{:#x}, in nobody's window", address);
}

} // namespace

/// What a plan was made of, and what it came to.
struct ShuffleCheck::Kept {
  int64_t rows = 0, tokens = 0;
  std::vector<int64_t> topkIdx;
  std::vector<uint32_t> counts; ///< [ranks x experts], by expert
  std::vector<uint32_t> offsets, choices;
  std::vector<uint64_t> destinations, sources, rowsOfRank;
  std::vector<int64_t> expertOffsets, expertCounts;
};

uint64_t ShuffleCheck::boardAt() const { return TopkIdxAt + mostChoices * sizeof(int64_t); }

Expected<std::unique_ptr<ShuffleCheck>> ShuffleCheck::create(std::shared_ptr<const Device> device,
                                                             const faro_abi_program &program, ExpertMap map,
                                                             const PlanMemory &plan, int64_t mostTokens) {
  std::unique_ptr<ShuffleCheck> made(new ShuffleCheck(program, std::move(map), plan));
  made->mostChoices = uint64_t(mostTokens) * program.routes.topk;
  FARO_RETURN_IF_ERROR(device->makeCurrent());
  // As if a batch of nothing had been planned.
  auto memory = Memory::zeroed(device, made->boardAt() + boardBytes(made->map));
  if (!memory)
    return memory.status();
  made->memory = std::move(*memory);
  return made;
}

Status ShuffleCheck::keep(Stream &stream, const int64_t *topkIdx, int64_t rows, const int64_t *tokens) {
  // Byte by byte: a copy from the host would be of what is there when a captured graph is replayed.
  for (uint64_t byte = 0; byte < sizeof rows; ++byte)
    FARO_RETURN_IF_ERROR(stream.fill(at(RowsAt + byte), uint8_t(uint64_t(rows) >> 8 * byte), 1));
  FARO_RETURN_IF_ERROR(
      stream.copy(at(TokensAt), tokens ? reinterpret_cast<uintptr_t>(tokens) : at(RowsAt), sizeof(int64_t)));
  FARO_RETURN_IF_ERROR(stream.copy(at(boardAt()), plan.board(), boardBytes(map)));
  return stream.copy(at(TopkIdxAt), reinterpret_cast<uintptr_t>(topkIdx),
                     uint64_t(rows) * program.routes.topk * sizeof(int64_t));
}

Expected<ShuffleCheck::Kept> ShuffleCheck::read(Stream &stream) const {
  const faro_abi_plan_area &area = plan.area();
  const uint32_t experts = map.experts(), ranks = map.ranks();
  Kept kept;
  std::vector<uint32_t> board;
  FARO_RETURN_IF_ERROR(stream.toHost(&kept.rows, at(RowsAt), sizeof kept.rows));
  FARO_RETURN_IF_ERROR(stream.toHost(&kept.tokens, at(TokensAt), sizeof kept.tokens));
  FARO_RETURN_IF_ERROR(readTo(board, stream, at(boardAt()), size_t(ranks) * experts));
  FARO_RETURN_IF_ERROR(readTo(kept.rowsOfRank, stream, area.rows, ranks));
  const uint32_t local = map.firstOfRank[area.rank + 1] - map.firstOfRank[area.rank];
  FARO_RETURN_IF_ERROR(readTo(kept.expertOffsets, stream, area.expert_offsets, local + 1));
  FARO_RETURN_IF_ERROR(readTo(kept.expertCounts, stream, area.expert_counts, local));
  FARO_RETURN_IF_ERROR(stream.wait());
  kept.tokens = std::clamp<int64_t>(kept.tokens, 0, kept.rows);
  kept.counts.resize(board.size());
  for (size_t source = 0; source < ranks; ++source)
    for (uint32_t i = 0; i < experts; ++i)
      kept.counts[source * experts + map.expertsBy[i]] = board[source * experts + i];

  FARO_RETURN_IF_ERROR(readTo(kept.topkIdx, stream, at(TopkIdxAt), size_t(kept.tokens) * program.routes.topk));
  FARO_RETURN_IF_ERROR(readTo(kept.offsets, stream, area.list_offsets, size_t(kept.rows) + 1));
  FARO_RETURN_IF_ERROR(stream.wait());
  const size_t items = std::min<size_t>(kept.offsets.back(), mostChoices);
  FARO_RETURN_IF_ERROR(readTo(kept.destinations, stream, area.destinations, items));
  FARO_RETURN_IF_ERROR(readTo(kept.sources, stream, area.sources, items));
  FARO_RETURN_IF_ERROR(readTo(kept.choices, stream, area.choices, items));
  FARO_RETURN_IF_ERROR(stream.wait());
  return kept;
}

Status ShuffleCheck::compare(Stream &stream) const {
  const auto kept = read(stream);
  if (!kept)
    return kept.status();
  const uint32_t rank = uint32_t(plan.area().rank), topk = program.routes.topk, experts = map.experts();
  const uint64_t stride = program.row.stride;
  std::vector<int64_t> idx = kept->topkIdx;
  for (int64_t &expert : idx) // one out of range was said, and dropped
    if (expert < 0 || expert >= int64_t(experts))
      expert = -1;
  const TopkIdx routing{idx.data(), kept->tokens};
  auto mine = countItems(program.routes, rank, routing);
  if (!mine)
    return mine.status();
  for (uint32_t e = 0; e < experts; ++e)
    if (const uint32_t counted = kept->counts[size_t(rank) * experts + e]; counted != (*mine)[e])
      return planFault(
          fmt::format("rank {}: a device counted {} items for expert {}, there are {}", rank, counted, e, (*mine)[e]));
  auto expected = makePlan(program, map, rank, kept->counts, routing);
  if (!expected)
    return expected.status();
  if (std::ranges::any_of(expected->rowsOfRank, [&](uint64_t rows) { return rows > plan.area().capacity; }))
    return Status::ok();
  for (uint32_t r = 0; r < map.ranks(); ++r)
    if (kept->rowsOfRank[r] != expected->rowsOfRank[r])
      return planFault(fmt::format("rank {}: a device found {} rows for rank {}, expected {}", rank,
                                   kept->rowsOfRank[r], r, expected->rowsOfRank[r]));

  for (size_t t = 0; t < kept->offsets.size(); ++t)
    if (const uint32_t wanted = expected->offsets[std::min(t, size_t(kept->tokens))]; kept->offsets[t] != wanted)
      return planFault(fmt::format("rank {}, token {}: a device has its items begin at {}, expected {}", rank, t,
                                   kept->offsets[t], wanted));
  for (size_t i = 0; i < expected->choices.size(); ++i) {
    const uint32_t choice = expected->choices[i];
    const auto name = [&] { return fmt::format("rank {}, token {}, choice {}", rank, choice / topk, choice % topk); };
    if (kept->choices[i] != choice)
      return planFault(fmt::format("{}: a device has token {}, choice {} in its stead", name(), kept->choices[i] / topk,
                                   kept->choices[i] % topk));
    const Place &place = expected->places[i];
    const auto check = [&](const char *what, uint64_t found, auto baseOf) {
      if (found == baseOf(place.rank) + place.row * stride)
        return Status::ok();
      return planFault(fmt::format("{}: a device has it {} {}, expected row {} of rank {}", name(), what,
                                   placeOf(found, plan, stride, baseOf), place.row, place.rank));
    };
    FARO_RETURN_IF_ERROR(check("stored to", kept->destinations[i], [this](uint32_t r) { return plan.receivedOf(r); }));
    FARO_RETURN_IF_ERROR(check("come back from", kept->sources[i], [this](uint32_t r) { return plan.outputsOf(r); }));
  }
  for (size_t e = 0; e < kept->expertCounts.size(); ++e)
    if (kept->expertCounts[e] != expected->expertCounts[e] ||
        kept->expertOffsets[e + 1] != expected->expertOffsets[e + 1])
      return planFault(fmt::format("rank {}, local expert {}: a device has {} rows that end before row {}, expected {} "
                                   "before row {}",
                                   rank, e, kept->expertCounts[e], kept->expertOffsets[e + 1],
                                   expected->expertCounts[e], expected->expertOffsets[e + 1]));
  return Status::ok();
}

} // namespace faro::cuda
