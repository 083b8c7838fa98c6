// The rings of one schedule and the flows through them, as they stand between and within calls.
//
//   OutFlow (to a peer)    take ─► slot ─► deliver ─────────────────► InFlow (from a peer)
//      tokens left         ◄──────────────── "given back n" ────────  arrived ─► consumed ─► slot free
//
// Slices of a flow are numbered from the session's first on, in every call alike at both ends. Slice n lies in slot
// n mod slots of the ring that it arrives in, so the sender chooses the place, and a slice of a call that the receiver
// has not begun yet waits there. Memory is made when the first slice needs it, or may come, and kept.
#pragma once

#include "faro/transport.h"
#include "runtime/engine/SlotMemory.h"

#include <map>
#include <vector>

namespace faro {

struct SliceHeader;
struct WholeSlice;

/// Tokens of one flow, by ring: how many slots it has taken and how many of these are free again, ever.
struct FlowTokens {
  std::array<uint64_t, FARO_ABI_MAX_RINGS> taken{}, returned{};
  /// Which slot of a ring that flows share the flow's n-th taking got: [n mod slots].
  std::array<std::vector<uint32_t>, FARO_ABI_MAX_RINGS> slots;
};

/// Slices that this rank sends to `peer`.
struct OutFlow {
  uint32_t peer = 0;
  bool granted = false; ///< the peer has slots for this flow, and a connection back to say when they are free
  uint64_t sent = 0;    ///< slices whose bytes may change again: all before this one
  std::vector<uint64_t> sentEarly; ///< and these
  FlowTokens tokens;
};

/// Slices that this rank gets from `peer`.
struct InFlow {
  uint32_t peer = 0;
  bool granted = false;  ///< the sender was told that it may send
  uint64_t arrived = 0;  ///< all slices before this one are there
  uint64_t consumed = 0; ///< and before this one were read; their slots may be overwritten
  static constexpr uint64_t Underway = 1;
  std::vector<uint64_t> bytes; ///< of the slice in each slot; 0: none; Underway: it has a place and is not there yet
  std::vector<uint64_t> rowsApart; ///< how many of these are rows apart, of slices that have a place
  std::unique_ptr<SlotMemory> memory;
  const WholeSlice *whole = nullptr; ///< slice `consumed`, while it is read where the transport has it
  /// Slots of each ring that were given back at this end, and how many of these the other end, which took them, was
  /// told of.
  std::array<uint64_t, FARO_ABI_MAX_RINGS> givenBack{}, reported{};
};

/// What is to be sent of a slot.
struct SlotContent {
  SliceHeader *header = nullptr; ///< at the first piece's begin; says what changes until the slice leaves
  std::vector<faro_iov> pieces;
  faro_iov rows{}; ///< apart, in a device's memory; none: of no bytes
};

/// Reads slices as they come: the run under way.
class SliceTaker {
public:
  virtual ~SliceTaker() = default;
  /// The flow's next slice is there and can be read now or never: whether all stages have, that do so here.
  virtual Expected<bool> take(InFlow &flow) = 0;
};

class SliceRings {
public:
  SliceRings(const faro_abi_schedule &schedule, uint32_t programIndex, const SliceShape &shape, SlotMaker maker);

  const faro_abi_schedule &schedule;
  const uint32_t programIndex;
  const SliceShape shape;
  uint64_t calls = 0;          ///< begun so far
  SliceTaker *taker = nullptr; ///< null: slices wait in their slots

  OutFlow &out(uint32_t peer);
  InFlow &in(uint32_t peer);
  OutFlow *findOut(uint32_t peer);
  InFlow *findIn(uint32_t peer);

  /// Whether a slot of each ring of `mask` can be taken. A flow may not hold more than `most` slots of a ring that it
  /// shares with other flows.
  bool available(const FlowTokens &tokens, uint32_t mask, uint32_t most) const;
  /// Requires available.
  void take(FlowTokens &tokens, uint32_t mask);
  /// The next `count` slots of the ring that the flow took are free. Requires that it has as many.
  void giveBack(FlowTokens &tokens, uint32_t ring, uint64_t count);

  /// The slot that slice `sequence` of the flow took in a ring that flows share.
  uint32_t sharedSlot(const FlowTokens &tokens, uint32_t ring, uint64_t sequence) const {
    return tokens.slots[ring][sequence % shape.rings[ring].slots];
  }
  Expected<Slot> sharedMemory(uint32_t ring, uint32_t slot);
  /// What is to be sent of a slot of the ring that the wire sends from.
  SlotContent &content(uint32_t slot) { return contents[slot]; }
  /// It is a head and rows in the slot.
  void fill(uint32_t slot, const Slot &memory, uint64_t headBytes, uint64_t rowBytes);
  /// It is a head in the slot. Returns its pieces, to which rows can be added.
  std::vector<faro_iov> &fillHead(uint32_t slot, const Slot &memory, uint64_t headBytes);
  /// The ring of each flow that slices arrive in.
  uint32_t arrivalRing() const { return schedule.stages[shape.wire].into; }
  /// Whether rows are apart from heads.
  bool apart() const { return bool(maker.rows); }
  /// Whether kernels read slots, perhaps later.
  bool forDevice() const { return maker.forDevice(); }
  /// Where slice `sequence` of the flow arrives.
  Expected<Slot> arrivalMemory(InFlow &flow, uint64_t sequence);

private:
  const SlotMaker maker;
  std::map<uint32_t, std::unique_ptr<OutFlow>> outs;
  std::map<uint32_t, std::unique_ptr<InFlow>> ins;
  std::array<std::unique_ptr<SlotMemory>, FARO_ABI_MAX_RINGS> memory; ///< of shared rings
  std::array<std::vector<uint32_t>, FARO_ABI_MAX_RINGS> free;         ///< slots of shared rings
  std::vector<SlotContent> contents;
};

} // namespace faro
