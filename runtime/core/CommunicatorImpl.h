// A bootstrap and a transport, together: the ranks know of each other, can reach each other's memory, and notice when
// one of them is gone.
#pragma once

#include "runtime/core/Bootstrap.h"
#include "runtime/core/Channels.h"
#include "runtime/core/PeerWatch.h"

namespace faro {

/// A world of one: nobody to meet, nobody to lose.
class SoloBootstrap final : public Bootstrap {
public:
  explicit SoloBootstrap(std::string job) : job_(std::move(job)) {}
  const std::string &job() const override { return job_; }
  Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *, Nanoseconds, const Idle &) override {
    return std::vector<Bytes>{mine};
  }
  void abort(const Status &why) override;
  Status check() override { return failure_; }
  bool hasLeft(uint32_t) const override { return false; }
  void leave(Nanoseconds, const Idle &) override {}

private:
  std::string job_;
  Status failure_;
};

/// What a rank says when something of another rank's has failed it with `status`: that one has often just died or given
/// up, and then its reason, which may be a moment later, is what people need to hear.
Status reasonOf(const Status &status, Communicator &communicator);

class CommunicatorImpl final : public Communicator {
public:
  /// Opens the transport. `loopback`: it must not leave this machine.
  static Expected<std::shared_ptr<CommunicatorImpl>> create(CommunicatorOptions options, Topology topology,
                                                            std::unique_ptr<Bootstrap> bootstrap, bool loopback);
  ~CommunicatorImpl() override;

  /// What the other ranks need to connect to this one.
  Expected<Bytes> introduction() const;
  /// Connects to all others. `introductions` by rank.
  Status connect(const std::vector<Bytes> &introductions);
  /// Returns when all connections of all ranks stand.
  Status settle();

  uint32_t machineRanks() const override;
  Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what) override;
  Status barrier() override;
  void abort(const Status &why) override;
  Status check() override;
  Status failure() const override { return failure_; }
  bool hasLeft(uint32_t rank) const override { return bootstrap_->hasLeft(rank); }
  Expected<uint16_t> open(Receiver &receiver) override { return channels_.open(receiver); }
  void close(uint16_t channel) override;
  Status send(uint16_t channel, uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) override;
  Status deliver(uint16_t channel, uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces, uint64_t token,
                 const faro_iov *rows) override;
  uint32_t progress() override;
  Status sleep(Nanoseconds limit) override;
  const faro_transport &transport() const override { return *transport_; }
  faro_transport_context *transportContext() const override { return context_; }

private:
  CommunicatorImpl(CommunicatorOptions options, Topology topology, std::unique_ptr<Bootstrap> bootstrap);
  Status checkSend(uint16_t channel) const;
  Status sendError(faro_status code, uint32_t to, const char *what);
  void suspect(uint32_t rank, const std::string &how);
  /// Nothing of this rank's is for others to touch from now on.
  void leaveWire();
  /// A way to go on for whoever waits.
  Idle idle();

  std::unique_ptr<Bootstrap> bootstrap_;
  PeerWatch watch_;
  uint32_t neighbours_ = 0; ///< other ranks of this machine
  Channels channels_;
  const faro_transport *transport_ = nullptr;
  faro_transport_context *context_ = nullptr;
  Status failure_;
  bool hasLeftWire_ = false; ///< then failure_, too
  /// A peer that seems to be gone, until the bootstrap has had the time to say why.
  Status suspicion_;
  Clock::time_point suspectedAt_;
};

} // namespace faro
