#include "runtime/engine/SliceExchange.h"

#include "runtime/engine/Slice.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace faro {

namespace {
/// Kinds of messages; a tag is kind << 8 | program.
enum MessageKind : uint32_t { Credits = 1, AskMessage = 2, Wake = 3 };

struct CreditMessage {
  uint64_t ring;
  uint64_t givenBack; ///< of the flow, ever: a later message makes an earlier one unnecessary
};

/// A slice's tag is program << 40 | sequence: a flow has to be used for years to get there.
constexpr uint32_t SequenceBits = 40;
constexpr uint64_t SequenceMask = (uint64_t(1) << SequenceBits) - 1;
constexpr uint32_t MostPrograms = 256;
constexpr uint32_t MostRanksOfANode = 1u << 16; // SliceRun::local
} // namespace

Expected<std::unique_ptr<SliceExchange>> SliceExchange::create(std::shared_ptr<Communicator> communicator,
                                                               std::shared_ptr<const Module> module,
                                                               const SlotMaker &slots) {
  const faro_abi_module &abi = module->abi();
  const Topology &topology = communicator->topology();
  if (abi.program_count > MostPrograms)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: {} programs, more than the {} that can cross nodes",
                                                     module->name(), abi.program_count, MostPrograms));
  for (uint32_t node = 0; node < topology.nodes(); ++node)
    if (topology.ranksOf(node).size() > MostRanksOfANode)
      return Status(FARO_INVALID_ARGUMENT, fmt::format("node {} has {} ranks, more than the {} that a slice can name",
                                                       node, topology.ranksOf(node).size(), MostRanksOfANode));
  std::unique_ptr<SliceExchange> exchange(new SliceExchange(communicator, module));
  exchange->asked.resize(abi.program_count);
  for (uint32_t p = 0; p < abi.program_count; ++p) {
    exchange->programs.emplace_back();
    const faro_abi_schedule *schedule = scheduleOf(abi.programs[p], FARO_ABI_HIERARCHICAL);
    if (!schedule)
      continue;
    auto shape = SliceShape::of(abi.programs[p], *schedule, /*copies=*/slots.forDevice());
    if (!shape)
      return Status(shape.status().code(), fmt::format("{}: {}", module->name(), shape.status().message()));
    exchange->programs.back() = std::make_unique<SliceRings>(*schedule, p, *shape, slots);
  }
  auto channel = communicator->open(*exchange);
  if (!channel)
    return channel.status();
  exchange->channel = *channel;
  // Slices must not come before their receiver is there.
  FARO_RETURN_IF_ERROR(communicator->barrier());
  return exchange;
}

SliceExchange::~SliceExchange() { stop(); }

void SliceExchange::stop() {
  if (channel)
    communicator->close(*channel);
  channel.reset();
}

SliceRings *SliceExchange::ringsOf(const faro_abi_schedule &schedule) {
  for (auto &rings : programs)
    if (rings && &rings->schedule == &schedule)
      return rings.get();
  return nullptr;
}

//===------------------------------------------------------------- out ---===//

Status SliceExchange::deliver(SliceRings &rings, OutFlow &flow, uint64_t sequence, SlotContent &content) {
  // Not earlier: a slice that waits for slots must not keep from its peer the news that the peer waits for.
  if (InFlow *back = rings.findIn(flow.peer)) {
    const uint32_t ring = rings.arrivalRing();
    content.header->givenBack = back->reported[ring] = back->givenBack[ring];
  }
  if (freeTokens.empty()) {
    freeTokens.push_back(uint32_t(sending.size()));
    sending.emplace_back();
  }
  const uint32_t token = freeTokens.back();
  freeTokens.pop_back();
  sending[token] = {&flow, sequence};
  const uint64_t tag = uint64_t(rings.programIndex) << SequenceBits | (sequence & SequenceMask);
  const Status status = communicator->deliver(*channel, flow.peer, tag, content.pieces, token,
                                              content.rows.size ? &content.rows : nullptr);
  if (!status) // there will be no `sent`
    freeTokens.push_back(token);
  return status;
}

Status SliceExchange::grant(SliceRings &rings, InFlow &flow) {
  if (std::exchange(flow.granted, true))
    return Status::ok();
  // Here rather than when the first slice comes: a transport's handler must not attach memory to it.
  if (auto memory = rings.arrivalMemory(flow, 0); !memory)
    return memory.status();
  const CreditMessage message{rings.arrivalRing(), 0};
  return communicator->send(*channel, flow.peer, Credits << 8 | rings.programIndex,
                            std::as_bytes(std::span(&message, 1)));
}

Status SliceExchange::giveBack(SliceRings &rings, InFlow &flow, uint32_t mask, News news) {
  for (uint32_t r = 0; mask >> r; ++r) {
    if (!(mask >> r & 1))
      continue;
    const RingShape &ring = rings.shape.rings[r];
    ++flow.givenBack[r];
    if (ring.perFlow) // the slot that the flow's next slice arrived in
      flow.bytes[flow.consumed++ % flow.bytes.size()] = 0;
    const bool rides = news == News::MayRide && r == rings.arrivalRing();
    // The other end shares out slots that are of all its flows: few of them may be this one's.
    const bool atOnce = news == News::IsLast || !ring.perFlow;
    const uint64_t batch = atOnce ? 1 : std::max<uint64_t>(1, ring.slots / (rides ? 2 : 4));
    if (flow.givenBack[r] - flow.reported[r] < batch)
      continue;
    const CreditMessage message{r, flow.givenBack[r]};
    const Status told = communicator->send(*channel, flow.peer, Credits << 8 | rings.programIndex,
                                           std::as_bytes(std::span(&message, 1)));
    // After its last call a rank may be gone: it needs no slots any more. One that fails earlier is missed elsewhere.
    if (!told && told.code() != FARO_PEER_FAILED)
      return told;
    flow.reported[r] = flow.givenBack[r];
  }
  return Status::ok();
}

Status SliceExchange::ask(const SliceRings &rings, uint32_t rank, std::span<const std::byte> bytes) {
  return communicator->send(*channel, rank, AskMessage << 8 | rings.programIndex, bytes);
}

Status SliceExchange::wake(uint32_t rank) { return communicator->send(*channel, rank, Wake << 8, {}); }

void SliceExchange::sent(uint64_t token) {
  if (token >= sending.size() || !sending[token].flow)
    return fail(fmt::format("the transport reports a slice sent that nobody sends ({})", token));
  const Sending done = sending[token];
  sending[token].flow = nullptr;
  freeTokens.push_back(uint32_t(token));
  OutFlow &flow = *done.flow;
  if (done.sequence != flow.sent) {
    flow.sentEarly.push_back(done.sequence);
    return;
  }
  ++flow.sent;
  for (auto next = flow.sentEarly.begin(); next != flow.sentEarly.end();) {
    if (*next == flow.sent) {
      ++flow.sent;
      flow.sentEarly.erase(next);
      next = flow.sentEarly.begin();
    } else {
      ++next;
    }
  }
}

//===-------------------------------------------------------------- in ---===//

void SliceExchange::fail(std::string message) {
  if (failure_)
    failure_ = Status(FARO_DATA_LOSS, fmt::format("rank {}: {}", communicator->rank(), message));
}

/// Null, and a failure, when the rank may not send anything for this program.
SliceRings *SliceExchange::ringsFor(uint32_t rank, uint64_t program) {
  if (program < programs.size() && programs[program] && !communicator->topology().sameNode(rank, communicator->rank()))
    return programs[program].get();
  fail(fmt::format("rank {} sent something for program {}, which does not cross nodes here", rank, program));
  return nullptr;
}

void SliceExchange::message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  const uint32_t kind = tag >> 8;
  if (kind == Wake)
    return;
  SliceRings *rings = ringsFor(rank, tag & 0xff);
  if (!rings)
    return;
  if (kind == Credits)
    return creditsFrom(rank, *rings, bytes);
  if (kind == AskMessage)
    asked[rings->programIndex].push_back({rank, Bytes(bytes.begin(), bytes.end())});
  else
    fail(fmt::format("rank {} sent a message of unknown kind {}", rank, kind));
}

void SliceExchange::creditsFrom(uint32_t rank, SliceRings &rings, std::span<const std::byte> bytes) {
  CreditMessage credits{};
  if (bytes.size() == sizeof credits)
    std::memcpy(&credits, bytes.data(), sizeof credits);
  if (bytes.size() == sizeof credits && credits.givenBack == 0) {
    rings.out(rank).granted = true;
    return;
  }
  if (bytes.size() != sizeof credits)
    return fail(fmt::format("rank {} gives back slots of {} in {} bytes, expected {}", rank, rings.schedule.name,
                            bytes.size(), sizeof credits));
  slotsBack(rank, rings, credits.ring, credits.givenBack);
}

/// What a slice says that has arrived, wherever it waits for its turn. Whether it is one is checked then.
void SliceExchange::creditsOn(uint32_t rank, SliceRings &rings, const std::byte *slice) {
  SliceHeader header;
  std::memcpy(&header, slice, sizeof header);
  if (header.magic == SliceHeader::Magic && header.givenBack != 0)
    slotsBack(rank, rings, rings.arrivalRing(), header.givenBack);
}

void SliceExchange::slotsBack(uint32_t rank, SliceRings &rings, uint64_t ring, uint64_t givenBack) {
  OutFlow *flow = rings.findOut(rank);
  const uint64_t taken = flow && ring < rings.shape.ringCount ? flow->tokens.taken[ring] : 0;
  if (givenBack > taken)
    return fail(fmt::format("rank {} gives back {} slots of ring {} of {}, of which it got {}", rank, givenBack, ring,
                            rings.schedule.name, taken));
  // Messages and slices may overtake each other: less is older news.
  if (const uint64_t before = flow->tokens.returned[ring]; givenBack > before)
    rings.giveBack(flow->tokens, uint32_t(ring), givenBack - before);
}

faro_place SliceExchange::place(uint32_t rank, uint64_t tag, size_t size, size_t rowBytes) {
  SliceRings *rings = ringsFor(rank, tag >> SequenceBits);
  if (!rings)
    return {};
  InFlow &flow = rings->in(rank);
  const uint64_t sequence = tag & SequenceMask, slots = flow.bytes.size();
  const RingShape &ring = rings->shape.rings[rings->arrivalRing()];
  const uint64_t mostHere = rings->apart() ? ring.headBytes : ring.slotBytes;
  const uint64_t mostApart = rings->apart() ? ring.rowBytes : 0;
  if (size < sizeof(SliceHeader) || size > mostHere || rowBytes > mostApart || sequence < flow.consumed ||
      sequence >= flow.consumed + slots || flow.bytes[sequence % slots] != 0) {
    fail(fmt::format(
        "{}: rank {} sent slice {} of {} bytes ({} more for a device) into slot {} of ring {}, which has {} "
        "slots of {} bytes ({} for a device); slices {} to {} have a slot there, each once",
        rings->schedule.name, rank, sequence, size, rowBytes, sequence % slots, ring.name, slots, mostHere, mostApart,
        flow.consumed, flow.consumed + slots - 1));
    return {};
  }
  if (!flow.granted) {
    fail(fmt::format("{}: rank {} sent slice {} before it was told of slots for it", rings->schedule.name, rank,
                     sequence));
    return {};
  }
  auto memory = rings->arrivalMemory(flow, sequence);
  if (!memory) {
    fail(memory.status().message());
    return {};
  }
  flow.bytes[sequence % slots] = InFlow::Underway;
  flow.rowsApart[sequence % slots] = rowBytes;
  return {memory->bytes, memory->apart ? reinterpret_cast<void *>(memory->forKernels) : nullptr};
}

/// A slice whose turn it is, read without going through its slot: that saves a copy, and the caches what it displaces.
/// The sender has taken the slot, and gets it back when the slice has been read, as always. What is wrong with a slice
/// that is not taken, `place` says.
bool SliceExchange::whole(uint32_t rank, uint64_t tag, std::span<const std::byte> bytes) {
  SliceRings *rings = ringsFor(rank, tag >> SequenceBits);
  if (!rings || !rings->taker || rings->forDevice() || !failure_)
    return false;
  InFlow &flow = rings->in(rank);
  const uint64_t slots = flow.bytes.size();
  uint64_t &inSlot = flow.bytes[flow.arrived % slots];
  const RingShape &ring = rings->shape.rings[rings->arrivalRing()];
  const auto slice = WholeSlice::at(bytes);
  if (!slice || bytes.size() > ring.slotBytes || !flow.granted || flow.consumed != flow.arrived ||
      (tag & SequenceMask) != flow.arrived || inSlot != 0)
    return false;
  creditsOn(rank, *rings, bytes.data());
  inSlot = bytes.size();
  flow.rowsApart[flow.arrived++ % slots] = 0;
  flow.whole = &*slice;
  const auto taken = rings->taker->take(flow);
  flow.whole = nullptr;
  if (!taken)
    failure_ = taken.status();
  if (taken && !*taken) {
    --flow.arrived;
    inSlot = 0;
    return false;
  }
  passArrived(flow);
  return true;
}

/// Slices may have come out of turn.
void SliceExchange::passArrived(InFlow &flow) {
  const uint64_t slots = flow.bytes.size();
  while (flow.arrived < flow.consumed + slots && flow.bytes[flow.arrived % slots] > InFlow::Underway)
    ++flow.arrived;
}

void SliceExchange::arrived(uint32_t rank, uint64_t tag, size_t size) {
  SliceRings *rings = ringsFor(rank, tag >> SequenceBits);
  if (!rings)
    return;
  InFlow &flow = rings->in(rank);
  const uint64_t slots = flow.bytes.size();
  uint64_t &bytes = flow.bytes[(tag & SequenceMask) % slots];
  if (bytes != InFlow::Underway)
    return fail(fmt::format("{}: the transport reports slice {} of rank {}, which has no place", rings->schedule.name,
                            tag & SequenceMask, rank));
  bytes = size;
  if (auto memory = rings->arrivalMemory(flow, tag & SequenceMask)) // which was made when it got its place
    creditsOn(rank, *rings, memory->bytes);
  passArrived(flow);
}

} // namespace faro
