#include "runtime/core/HubProtocol.h"

#include <algorithm>
#include <fmt/format.h>

namespace faro {

HubProtocol::HubProtocol(uint32_t worldSize, std::string job, std::string where, Send send)
    : worldSize_(worldSize), job_(std::move(job)), where_(std::move(where)), send_(std::move(send)),
      presence_(worldSize, Presence::Absent) {}

uint32_t HubProtocol::count(Presence presence) const {
  return uint32_t(std::count(presence_.begin(), presence_.end(), presence));
}

std::vector<uint32_t> HubProtocol::ranksThat(const std::function<bool(uint32_t)> &predicate) const {
  std::vector<uint32_t> ranks;
  for (uint32_t rank = 0; rank < worldSize_; ++rank)
    if (predicate(rank))
      ranks.push_back(rank);
  return ranks;
}

void HubProtocol::broadcast(const std::shared_ptr<const Bytes> &frame) {
  for (uint32_t rank = 0; rank < worldSize_; ++rank)
    if (presence_[rank] == Presence::Here || presence_[rank] == Presence::Left)
      send_(rank, frame);
}

void HubProtocol::fail(faro_status code, const std::string &message, std::optional<uint32_t> last) {
  if (!failure_)
    return; // the first failure is the cause, later ones are its consequences
  failure_ = Status(code, message);
  deadline_ = Clock::time_point::max();
  const auto frame = FrameWriter(FrameKind::Failed).number(uint32_t(code)).text(message).finish();
  // Who reported the failure waits for this as a sign that the others have been told, and then may end its process.
  for (uint32_t rank = 0; rank < worldSize_; ++rank)
    if (rank != last && (presence_[rank] == Presence::Here || presence_[rank] == Presence::Left))
      send_(rank, frame);
  if (last)
    send_(*last, frame);
}

Status HubProtocol::admit(uint32_t rank, uint32_t worldSize) {
  if (!failure_)
    return turnAway(rank, failure_);
  Status status;
  if (worldSize != worldSize_)
    status = Status(FARO_INVALID_ARGUMENT, fmt::format("rank {} came to {} with a world size of {}, rank 0 has {}",
                                                       rank, where_, worldSize, worldSize_));
  else if (rank >= worldSize_)
    status = Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} came to {}, but the world size is {}", rank, where_, worldSize_));
  else if (presence_[rank] != Presence::Absent)
    status = Status(FARO_INVALID_ARGUMENT,
                    fmt::format("a second process came to {} as rank {} of {}", where_, rank, worldSize_));
  if (!status && !complete_)
    fail(status.code(), status.message());
  return status ? status : turnAway(rank, status);
}

Status HubProtocol::turnAway(uint32_t rank, const Status &why) {
  if (rank < worldSize_ && presence_[rank] == Presence::Absent)
    presence_[rank] = Presence::Lost; // nobody has to wait for it: it knows why
  return why;
}

Nanoseconds boundedTimeout(uint64_t ns) {
  constexpr uint64_t Year = 365ull * 24 * 3600 * 1'000'000'000;
  return Nanoseconds(std::min(ns, Year));
}

bool HubProtocol::isLast(uint32_t rank) const {
  return presence_[rank] == Presence::Absent && count(Presence::Absent) == 1;
}

void HubProtocol::joined(uint32_t rank, Nanoseconds timeout, Clock::time_point now) {
  presence_[rank] = Presence::Here;
  if (now + timeout < deadline_) {
    deadline_ = now + timeout;
    timeout_ = timeout;
  }
  if (count(Presence::Absent))
    return;
  complete_ = true;
  deadline_ = Clock::time_point::max();
  broadcast(FrameWriter(FrameKind::Welcome).text(job_).finish());
}

void HubProtocol::handle(uint32_t rank, const Frame &frame, Clock::time_point now) {
  switch (frame.kind) {
  case FrameKind::Gather:
    return gather(rank, frame, now);
  case FrameKind::Leave:
    return leave(rank);
  case FrameKind::Abort: {
    FrameReader reader(frame.payload);
    reader.number<uint32_t>(); // the code: whoever hears of it gets ABORTED
    return fail(FARO_ABORTED, saidBy(rank, reader.text()), rank);
  }
  default:
    return fail(FARO_INTERNAL,
                fmt::format("rank {} sent a control frame of kind {}, which no rank sends", rank, int(frame.kind)));
  }
}

void HubProtocol::gather(uint32_t rank, const Frame &frame, Clock::time_point now) {
  if (!failure_)
    return; // it has been told
  FrameReader reader(frame.payload);
  const auto number = reader.number<uint64_t>();
  const auto timeout = boundedTimeout(reader.number<uint64_t>());
  const std::string what = reader.text();
  const auto mine = reader.blob();
  if (!reader.ok || !complete_)
    return fail(FARO_INTERNAL, fmt::format("rank {} sent a torn control frame", rank));
  if (const auto left = ranksThat([&](uint32_t r) { return presence_[r] == Presence::Left; }); !left.empty())
    return fail(FARO_PEER_FAILED,
                fmt::format("{} left the job, but rank {} waits in '{}'", nameRanks(left), rank, what));

  if (!gathering_) {
    gathering_.emplace();
    gathering_->number = number;
    gathering_->what = what;
    gathering_->first = rank;
    gathering_->parts.resize(worldSize_);
    gathering_->missing = worldSize_;
  }
  if (gathering_->number != number || gathering_->what != what || gathering_->parts[rank])
    return fail(
        FARO_INVALID_ARGUMENT,
        fmt::format("collective calls in different order: rank {} came to '{}' (its call {}) while rank {} is in '{}' "
                    "(its call {})",
                    rank, what, number, gathering_->first, gathering_->what, gathering_->number));
  gathering_->parts[rank] = Bytes(mine.begin(), mine.end());
  if (now + timeout < deadline_) {
    deadline_ = now + timeout;
    timeout_ = timeout;
  }
  if (--gathering_->missing)
    return;

  FrameWriter result(FrameKind::Gathered);
  result.number(number);
  for (const auto &part : gathering_->parts)
    result.blob(*part);
  gathering_.reset();
  deadline_ = Clock::time_point::max();
  auto gathered = result.finish();
  if (gathered->size() > MaxFrameBytes)
    return fail(FARO_INVALID_ARGUMENT, fmt::format("the parts of '{}' have {} bytes together; at most {} fit", what,
                                                   gathered->size(), MaxFrameBytes));
  broadcast(gathered);
}

void HubProtocol::leave(uint32_t rank) {
  presence_[rank] = Presence::Left;
  if (gathering_)
    return fail(FARO_PEER_FAILED, fmt::format("rank {} left the job, but rank {} waits in '{}'", rank,
                                              gathering_->first, gathering_->what));
  // Who has left itself waits for nobody but for all.
  const auto frame = FrameWriter(FrameKind::Left).number(rank).finish();
  for (uint32_t other = 0; other < worldSize_; ++other)
    if (presence_[other] == Presence::Here)
      send_(other, frame);
  if (!count(Presence::Here) && !count(Presence::Absent))
    broadcast(FrameWriter(FrameKind::Goodbye).finish());
}

void HubProtocol::lost(uint32_t rank, const std::string &fate) {
  // Who has left may hang up; it stays known as one that left, for whoever still waits for it.
  if (presence_[rank] == Presence::Left)
    return;
  presence_[rank] = Presence::Lost;
  fail(FARO_PEER_FAILED, fmt::format("rank {} {}{}", rank, fate, complete_ ? "" : ", before all ranks had come"));
}

bool HubProtocol::owesAnswers() const {
  return !failure_ && failure_.code() != FARO_DEADLINE_EXCEEDED && count(Presence::Absent) > 0;
}

void HubProtocol::tick(Clock::time_point now) {
  if (now < deadline_)
    return;
  if (!complete_)
    return fail(FARO_DEADLINE_EXCEEDED,
                fmt::format("{} of {} did not come to {} within {}",
                            nameRanks(ranksThat([&](uint32_t r) { return presence_[r] == Presence::Absent; })),
                            worldSize_, where_, describe(timeout_)));
  const auto missing = ranksThat([&](uint32_t r) { return !gathering_->parts[r]; });
  fail(FARO_DEADLINE_EXCEEDED, fmt::format("{} of {} did not come to '{}' within {}", nameRanks(missing), worldSize_,
                                           gathering_->what, describe(timeout_)));
}

} // namespace faro
