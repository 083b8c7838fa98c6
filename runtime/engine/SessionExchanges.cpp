#include "runtime/engine/SessionExchanges.h"

#include "runtime/engine/MeshCheck.h"

namespace faro {

namespace {
enum MessageTag : uint32_t { CountsMessage = 1, OriginsMessage = 2 };
} // namespace

Expected<std::unique_ptr<SessionExchanges>> SessionExchanges::create(std::shared_ptr<Communicator> communicator,
                                                                     std::shared_ptr<const Module> module,
                                                                     uint32_t experts, const SlotMaker &slots) {
  std::unique_ptr<SessionExchanges> exchanges(new SessionExchanges(std::move(communicator)));
  FARO_RETURN_IF_ERROR(exchanges->connect(std::move(module), experts, slots));
  return exchanges;
}

SessionExchanges::~SessionExchanges() {
  if (channel)
    communicator->close(*channel);
}

Status SessionExchanges::connect(std::shared_ptr<const Module> module, uint32_t experts, const SlotMaker &slots) {
  // All channels are open before the first collective call below, so whoever sends finds them open.
  const bool acrossNodes = pathOn(communicator->topology()) == FARO_ABI_HIERARCHICAL;
  if (acrossNodes) {
    auto opened = communicator->open(*this);
    if (!opened)
      return opened.status();
    channel = *opened;
    auto made = SliceExchange::create(communicator, std::move(module), slots);
    if (!made)
      return made.status();
    slices_ = std::move(*made);
  }

  auto made = SignalBoard::create(communicator, CountsExchange::boardBytes(*communicator, experts));
  if (!made)
    return made.status();
  board_ = std::move(*made);
  if (slices_)
    board_->ringBy([this](uint32_t rank) {
      // A rank that cannot be reached looks after its peers soon; nothing is lost.
      [[maybe_unused]] const Status rung = slices_->wake(rank);
    });
  const auto sendAs = [this](MessageTag tag) {
    return [this, tag](uint32_t rank, std::span<const std::byte> bytes) {
      return communicator->send(*channel, rank, tag, bytes);
    };
  };
  counts_.emplace(*communicator, *board_, experts, sendAs(CountsMessage));
  origins_.emplace(*communicator, *board_, sendAs(OriginsMessage));
  return acrossNodes ? greet(experts) : Status::ok();
}

/// An exchange of counts with nothing in it. A connection to another node is made at the first word, with the help of
/// both ends; after this it stands, and a rank that has its counts and computes for a while lets nobody wait for its
/// own.
Status SessionExchanges::greet(uint32_t experts) {
  // Nobody sends counts before all have a place for them.
  FARO_RETURN_IF_ERROR(communicator->barrier());
  const std::vector<uint32_t> items(experts), rows(communicator->topology().nodes());
  auto all = counts_->exchange({0, 0, items, rows}, "the first exchange between the nodes");
  return all ? communicator->barrier() : all.status();
}

void SessionExchanges::message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  if (tag == CountsMessage)
    counts_->received(rank, bytes);
  else
    origins_->received(rank, bytes);
}

Status SessionExchanges::meet(uint16_t activity, const char *what) { return meetAny(activity, false, what).status(); }

Expected<bool> SessionExchanges::meetAny(uint16_t activity, bool mine, const char *what) {
  board_->notify(SignalBoard::MeetFlag, {activity, mine});
  FARO_RETURN_IF_ERROR(board_->await(SignalBoard::MeetFlag, activity, what));
  bool any = false;
  for (const uint32_t rank : nodeRanks(*communicator))
    any |= board_->valueOf(SignalBoard::MeetFlag, rank) != 0;
  return any;
}

} // namespace faro
