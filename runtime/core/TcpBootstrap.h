// A rank's control connection to rank 0. All ranks have one, rank 0 too (a socketpair to its own hub).
#pragma once

#include "runtime/core/TcpHub.h"

namespace faro {

class TcpBootstrap final : public Bootstrap {
public:
  /// Collective. Returns when all ranks are here.
  static Expected<std::unique_ptr<TcpBootstrap>> create(const CommunicatorOptions &options);

  const std::string &job() const override { return job_; }
  Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what, Nanoseconds timeout,
                                         const Idle &idle) override;
  void abort(const Status &why) override;
  Status check() override;
  bool hasLeft(uint32_t rank) const override { return left_[rank]; }
  void leave(Nanoseconds timeout, const Idle &idle) override;

  /// Whether all ranks meet at a loopback address.
  bool loopback() const { return loopback_; }

private:
  TcpBootstrap(const CommunicatorOptions &options, std::string where, bool loopback)
      : rank_(options.rank), worldSize_(options.worldSize), where_(std::move(where)), loopback_(loopback),
        left_(options.worldSize) {}

  /// Reads what came, until there is nothing more; keeps the first failure.
  void receive();
  void handle(const Frame &frame);
  /// Waits for `done`; false: the deadline. An error: a failure of the job, or what `idle` says.
  Expected<bool> wait(Clock::time_point deadline, const Idle &idle, const std::function<bool()> &done);
  void fail(faro_status code, std::string message);

  const uint32_t rank_;
  const uint32_t worldSize_;
  const std::string where_;
  const bool loopback_;
  std::unique_ptr<TcpHub> hub_; ///< rank 0's; outlives the connection to it
  std::unique_ptr<Connection> connection_;
  std::string job_;
  Status failure_;
  uint64_t gathers_ = 0;
  std::optional<std::vector<Bytes>> gathered_;
  std::vector<bool> left_;
  bool closed_ = false;
  bool goodbye_ = false;
  bool failureTold_ = false; ///< rank 0 has told the others of the failure
};

} // namespace faro
