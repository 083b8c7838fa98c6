// What crosses nodes for one session: the rings and flows of its hierarchical schedules, what is on its way between
// them, and what peers say beside slices (slots given back, asks of combines). Runs come and go; this stays, so that
// slices of a call that a peer has begun earlier find their slots, and memory is made once.
//
//   Run ──deliver, giveBack, ask──► SliceExchange ──► Communicator ──► peers' SliceExchange ──► their Run, in turn
//
// Nothing here waits. What comes is checked and noted as it comes; what is wrong with it is `failure`, for the run to
// find.
#pragma once

#include "faro/communicator.h"
#include "runtime/engine/SliceRings.h"

#include <deque>
#include <optional>

namespace faro {

class SliceExchange final : public Receiver {
public:
  /// Collective. The rings of all hierarchical schedules of the module; their memory is made when first used. Errors:
  /// INVALID_ARGUMENT for a schedule that cannot run (SliceShape::of), the same on all ranks.
  /// `slots`: the same kind on all ranks.
  static Expected<std::unique_ptr<SliceExchange>>
  create(std::shared_ptr<Communicator> communicator, std::shared_ptr<const Module> module, const SlotMaker &slots = {});
  ~SliceExchange() override;

  SliceRings *ringsOf(const faro_abi_schedule &schedule);

  /// Sends slice `sequence` of the flow, which must stay as it is until flow.sent is greater. Slots of the flow the
  /// other way that are free again ride on it.
  Status deliver(SliceRings &rings, OutFlow &flow, uint64_t sequence, SlotContent &content);
  /// Makes slots for a flow and tells its sender, once. So the connection on which these are given back stands before
  /// anything depends on it.
  Status grant(SliceRings &rings, InFlow &flow);
  /// Whether a message of its own has to say that slots are free.
  enum class News {
    MayRide, ///< a slice goes to the same rank soon and says so: not before half of the slots are free
    Travels, ///< not before a quarter is
    IsLast   ///< of a call: at once
  };
  /// Slots of a flow that arrives here are free again. Tells the sender, where it holds the tokens.
  Status giveBack(SliceRings &rings, InFlow &flow, uint32_t mask, News news);

  /// An ask of call `rings.calls`, with what the binding puts behind the header.
  Status ask(const SliceRings &rings, uint32_t rank, std::span<const std::byte> bytes);
  struct Ask {
    uint32_t rank;
    Bytes bytes;
  };
  /// Asks of the schedule that came and were not taken yet.
  std::deque<Ask> &asks(const SliceRings &rings) { return asked[rings.programIndex]; }

  /// Ends another rank's sleep on the wire.
  Status wake(uint32_t rank);

  /// What came that should not have.
  const Status &failure() const { return failure_; }
  /// Nothing reads from or writes to memory of this session any more. What comes later is dropped.
  void stop();

  void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) override;
  faro_place place(uint32_t rank, uint64_t tag, size_t size, size_t rowBytes) override;
  bool whole(uint32_t rank, uint64_t tag, std::span<const std::byte> bytes) override;
  void arrived(uint32_t rank, uint64_t tag, size_t size) override;
  void sent(uint64_t token) override;

private:
  struct Sending {
    OutFlow *flow;
    uint64_t sequence;
  };
  explicit SliceExchange(std::shared_ptr<Communicator> c, std::shared_ptr<const Module> m)
      : communicator(std::move(c)), module(std::move(m)) {}
  SliceRings *ringsFor(uint32_t rank, uint64_t program);
  static void passArrived(InFlow &flow);
  void creditsFrom(uint32_t rank, SliceRings &rings, std::span<const std::byte> bytes);
  void creditsOn(uint32_t rank, SliceRings &rings, const std::byte *slice);
  void slotsBack(uint32_t rank, SliceRings &rings, uint64_t ring, uint64_t givenBack);
  void fail(std::string message);

  std::shared_ptr<Communicator> communicator;
  std::shared_ptr<const Module> module;
  std::optional<uint16_t> channel;                   ///< none after stop()
  std::vector<std::unique_ptr<SliceRings>> programs; ///< by index in the module; null without a hierarchical schedule
  std::vector<std::deque<Ask>> asked;                ///< by index in the module
  std::vector<Sending> sending;                      ///< by token
  std::vector<uint32_t> freeTokens;
  Status failure_;
};

} // namespace faro
