// The ranks of a job, connected.
#pragma once

#include "faro/status.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace faro {

using Nanoseconds = std::chrono::nanoseconds;
using Bytes = std::vector<std::byte>;

/// Who I am and where the others are. `fromEnvironment` reads what the launchers that people already have set.
struct CommunicatorOptions {
  uint32_t rank = 0;
  uint32_t worldSize = 1;
  uint32_t localRank = 0;
  uint32_t ranksPerNode = 0; ///< 0: all ranks are on one node
  std::string masterAddress = "127.0.0.1";
  uint16_t masterPort = 0;
  std::string jobSecret; ///< strangers without it cannot join
  std::string transport = "ucx";
  Nanoseconds timeout = std::chrono::seconds(60); ///< for every wait

  /// torchrun's RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT; Open MPI's
  /// OMPI_COMM_WORLD_*; Slurm's SLURM_*; PMI_*. Explicit torchrun variables win. FARO_TRANSPORT, FARO_TIMEOUT (seconds)
  /// and FARO_JOB_SECRET are read too, and FARO_MASTER_PORT, for where MASTER_PORT is taken (torchrun's agent keeps it
  /// for itself; then the port beside it is used). With none of them set: a world of one rank.
  static Expected<CommunicatorOptions> fromEnvironment();
};

/// A job's ranks, with a transport between them and a control connection beside it. One thread at a time; each rank
/// (process, or thread for `local`) has its own. Collective calls must be made by all ranks in the same order.
class Communicator {
public:
  /// Collective. Meets the other ranks, within options.timeout. Errors name the rank that did not come.
  static Expected<std::shared_ptr<Communicator>> create(const CommunicatorOptions &options);

  /// `worldSize` communicators for threads of this process, over the transport `local`. Each is to be used by one
  /// thread.
  static Expected<std::vector<std::shared_ptr<Communicator>>> createLocal(uint32_t worldSize, Nanoseconds timeout);

  virtual ~Communicator() = default;

  uint32_t rank() const { return options_.rank; }
  uint32_t size() const { return options_.worldSize; }
  uint32_t ranksPerNode() const { return options_.ranksPerNode ? options_.ranksPerNode : options_.worldSize; }
  Nanoseconds timeout() const { return options_.timeout; }
  const CommunicatorOptions &options() const { return options_; }

  /// Collective. Everybody's bytes, by rank. `what` appears in the error when somebody does not come.
  virtual Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what) = 0;

  /// Collective: returns when all ranks are here.
  virtual Status barrier() = 0;

  /// Tells every rank that this one gives up, and why; their waits end with ABORTED and this message.
  virtual void abort(const Status &why) = 0;

  /// Never blocks. PEER_FAILED or ABORTED once another rank is known to be gone or to have given up. Called from every
  /// long wait, every few milliseconds.
  virtual Status check() = 0;

  virtual const faro_transport &transport() const = 0;
  virtual faro_transport_context *transportContext() const = 0;

protected:
  explicit Communicator(CommunicatorOptions options) : options_(std::move(options)) {}
  CommunicatorOptions options_;
};

} // namespace faro
