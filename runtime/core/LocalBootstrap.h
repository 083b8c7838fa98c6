// The bootstrap of ranks that are threads of one process: a rendezvous under one lock.
#pragma once

#include "runtime/core/Bootstrap.h"

#include <condition_variable>
#include <mutex>

namespace faro {

/// What the ranks of one local job share.
class LocalGroup {
public:
  LocalGroup(std::string job, uint32_t worldSize) : job(std::move(job)), worldSize(worldSize), left(worldSize) {}

  struct Gathering {
    std::string what;
    std::vector<Bytes> parts;
    std::vector<bool> here;
    uint32_t missing;
    bool complete = false;
  };

  const std::string job;
  const uint32_t worldSize;
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Gathering> gathering; ///< the one that not all have joined yet, or null
  std::vector<bool> left;
  Status failure; ///< the first one
};

class LocalBootstrap final : public Bootstrap {
public:
  LocalBootstrap(std::shared_ptr<LocalGroup> group, uint32_t rank) : group_(std::move(group)), rank_(rank) {}

  const std::string &job() const override { return group_->job; }
  Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what, Nanoseconds timeout,
                                         const Idle &idle) override;
  void abort(const Status &why) override;
  Status check() override;
  bool hasLeft(uint32_t rank) const override;
  void leave(Nanoseconds timeout, const Idle &idle) override;

private:
  /// Waits for `done` under the lock, calling `idle` without it. False: the deadline.
  Expected<bool> wait(std::unique_lock<std::mutex> &lock, Clock::time_point deadline, const Idle &idle,
                      const std::function<bool()> &done);

  std::shared_ptr<LocalGroup> group_;
  uint32_t rank_;
};

} // namespace faro
