// What rank 0 knows of the job and what it answers. No sockets and no threads in here: TcpHub feeds it.
#pragma once

#include "runtime/core/Bootstrap.h"
#include "runtime/core/Wire.h"

namespace faro {

/// What a rank says about its time-out, kept from overflowing a clock.
Nanoseconds boundedTimeout(uint64_t ns);

class HubProtocol {
public:
  /// `send` queues a frame for a rank that has joined.
  using Send = std::function<void(uint32_t rank, std::shared_ptr<const Bytes> frame)>;
  /// `job` is what `Welcome` tells the ranks, `where` is for messages.
  HubProtocol(uint32_t worldSize, std::string job, std::string where, Send send);

  /// Whether somebody who knows the secret may be this rank. While the job is being put together, a rank that does not
  /// fit in is an error of all; later it is only turned away.
  Status admit(uint32_t rank, uint32_t worldSize);
  /// Whether all others have been here, so that this rank, once admitted, completes the job.
  bool isLast(uint32_t rank) const;
  void joined(uint32_t rank, Nanoseconds timeout, Clock::time_point now);

  void handle(uint32_t rank, const Frame &frame, Clock::time_point now);
  /// The rank's connection ended. `fate`: what became of the rank, "died: its connection closed".
  void lost(uint32_t rank, const std::string &fate);

  /// Rank 0 cannot go on, and all hear why.
  void giveUp(const Status &why) { fail(why.code(), why.message()); }

  /// Whether the job failed before all ranks came, and there may be some on their way who should hear of it.
  bool owesAnswers() const;

  /// When `tick` has something to do.
  Clock::time_point nextDeadline() const { return deadline_; }
  void tick(Clock::time_point now);

private:
  enum class Presence { Absent, Here, Left, Lost };
  struct Gathering {
    uint64_t number = 0;
    std::string what;
    uint32_t first = 0; ///< the rank that came first
    Nanoseconds timeout{};
    std::vector<std::optional<Bytes>> parts;
    uint32_t missing = 0;
  };

  Status turnAway(uint32_t rank, const Status &why);
  void gather(uint32_t rank, const Frame &frame, Clock::time_point now);
  void leave(uint32_t rank);
  void fail(faro_status code, const std::string &message, std::optional<uint32_t> last = std::nullopt);
  void broadcast(const std::shared_ptr<const Bytes> &frame);
  uint32_t count(Presence presence) const;
  std::vector<uint32_t> ranksThat(const std::function<bool(uint32_t)> &predicate) const;

  const uint32_t worldSize_;
  const std::string job_;
  const std::string where_;
  const Send send_;
  std::vector<Presence> presence_;
  bool complete_ = false; ///< all ranks have been here
  Status failure_;
  std::optional<Gathering> gathering_;
  Nanoseconds timeout_{}; ///< of the rank whose patience ends first
  Clock::time_point deadline_ = Clock::time_point::max();
};

} // namespace faro
