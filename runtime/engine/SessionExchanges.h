// What a session's ranks tell each other: flags on the node, and messages between nodes.
//
//   SignalBoard      flags of stages and calls, on the node
//   CountsExchange   each prepare's counts            ┐ by this class's own channel
//   OriginExchange   where received rows came from    ┘
//   SliceExchange    rows between nodes               by a channel of its own
#pragma once

#include "runtime/engine/CountsExchange.h"
#include "runtime/engine/OriginExchange.h"
#include "runtime/engine/SliceExchange.h"

#include <optional>

namespace faro {

class SessionExchanges final : private Receiver {
public:
  /// Collective. For counts of up to `experts` experts. `slots`: as of SliceExchange.
  static Expected<std::unique_ptr<SessionExchanges>> create(std::shared_ptr<Communicator> communicator,
                                                            std::shared_ptr<const Module> module, uint32_t experts,
                                                            const SlotMaker &slots);
  ~SessionExchanges() override;

  SignalBoard &board() { return *board_; }
  CountsExchange &counts() { return *counts_; }
  OriginExchange &origins() { return *origins_; }
  /// Null when all ranks are on one node.
  SliceExchange *slices() { return slices_.get(); }

  /// Collective on the node: returns when all its ranks are here.
  Status meet(uint16_t activity, const char *what);
  /// The same. True when any of them says so.
  Expected<bool> meetAny(uint16_t activity, bool mine, const char *what);

private:
  explicit SessionExchanges(std::shared_ptr<Communicator> c) : communicator(std::move(c)) {}
  Status connect(std::shared_ptr<const Module> module, uint32_t experts, const SlotMaker &slots);
  Status greet(uint32_t experts);

  // Slices have a channel of their own.
  void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) override;
  faro_place place(uint32_t, uint64_t, size_t, size_t) override { return {}; }
  void arrived(uint32_t, uint64_t, size_t) override {}
  void sent(uint64_t) override {}

  std::shared_ptr<Communicator> communicator;
  std::optional<uint16_t> channel; ///< where ranks are on several nodes
  std::unique_ptr<SliceExchange> slices_;
  std::unique_ptr<SignalBoard> board_;
  std::optional<CountsExchange> counts_;
  std::optional<OriginExchange> origins_;
};

} // namespace faro
