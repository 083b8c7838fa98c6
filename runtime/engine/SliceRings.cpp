#include "runtime/engine/SliceRings.h"

#include "runtime/engine/Slice.h"

namespace faro {

SliceRings::SliceRings(const faro_abi_schedule &schedule, uint32_t programIndex, const SliceShape &shape,
                       SlotMaker maker)
    : schedule(schedule), programIndex(programIndex), shape(shape), maker(std::move(maker)) {
  for (uint32_t r = 0; r < shape.ringCount; ++r)
    if (!shape.rings[r].perFlow)
      for (uint32_t slot = shape.rings[r].slots; slot-- > 0;)
        free[r].push_back(slot);
  contents.resize(shape.rings[schedule.stages[shape.wire].from].slots);
}

OutFlow &SliceRings::out(uint32_t peer) {
  auto &flow = outs[peer];
  if (!flow) {
    flow = std::make_unique<OutFlow>();
    flow->peer = peer;
    for (uint32_t r = 0; r < shape.ringCount; ++r)
      if (!shape.rings[r].perFlow)
        flow->tokens.slots[r].resize(shape.rings[r].slots);
  }
  return *flow;
}

OutFlow *SliceRings::findOut(uint32_t peer) {
  const auto found = outs.find(peer);
  return found == outs.end() ? nullptr : found->second.get();
}

InFlow &SliceRings::in(uint32_t peer) {
  auto &flow = ins[peer];
  if (!flow) {
    flow = std::make_unique<InFlow>();
    flow->peer = peer;
    flow->bytes.resize(shape.rings[arrivalRing()].slots);
    flow->rowsApart.resize(flow->bytes.size());
  }
  return *flow;
}

InFlow *SliceRings::findIn(uint32_t peer) {
  const auto found = ins.find(peer);
  return found == ins.end() ? nullptr : found->second.get();
}

bool SliceRings::available(const FlowTokens &tokens, uint32_t mask, uint32_t most) const {
  for (uint32_t r = 0; mask >> r; ++r) {
    if (!(mask >> r & 1))
      continue;
    const uint64_t held = tokens.taken[r] - tokens.returned[r];
    if (shape.rings[r].perFlow ? held >= shape.rings[r].slots : free[r].empty() || held >= most)
      return false;
  }
  return true;
}

void SliceRings::take(FlowTokens &tokens, uint32_t mask) {
  for (uint32_t r = 0; mask >> r; ++r) {
    if (!(mask >> r & 1))
      continue;
    if (!shape.rings[r].perFlow) {
      tokens.slots[r][tokens.taken[r] % shape.rings[r].slots] = free[r].back();
      free[r].pop_back();
    }
    ++tokens.taken[r];
  }
}

void SliceRings::giveBack(FlowTokens &tokens, uint32_t ring, uint64_t count) {
  for (; count > 0; --count) {
    if (!shape.rings[ring].perFlow)
      free[ring].push_back(tokens.slots[ring][tokens.returned[ring] % shape.rings[ring].slots]);
    ++tokens.returned[ring];
  }
}

Expected<Slot> SliceRings::sharedMemory(uint32_t ring, uint32_t slot) {
  if (!memory[ring]) {
    auto made = SlotMemory::create(shape.rings[ring], maker);
    if (!made)
      return made.status();
    memory[ring] = std::move(*made);
  }
  return memory[ring]->slot(slot);
}

void SliceRings::fill(uint32_t slot, const Slot &memory, uint64_t headBytes, uint64_t rowBytes) {
  fillHead(slot, memory, headBytes + (memory.apart ? 0 : rowBytes));
  if (memory.apart)
    contents[slot].rows = {reinterpret_cast<const void *>(memory.forKernels), rowBytes};
}

std::vector<faro_iov> &SliceRings::fillHead(uint32_t slot, const Slot &memory, uint64_t headBytes) {
  SlotContent &content = contents[slot];
  content.header = reinterpret_cast<SliceHeader *>(memory.bytes);
  content.pieces.assign(1, {memory.bytes, headBytes});
  return content.pieces;
}

Expected<Slot> SliceRings::arrivalMemory(InFlow &flow, uint64_t sequence) {
  if (!flow.memory) {
    auto made = SlotMemory::create(shape.rings[arrivalRing()], maker);
    if (!made)
      return made.status();
    flow.memory = std::move(*made);
  }
  return flow.memory->slot(uint32_t(sequence % flow.bytes.size()));
}

} // namespace faro
