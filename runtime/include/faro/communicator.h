// The ranks of a job, connected.
#pragma once

#include "faro/status.h"
#include "faro/topology.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace faro {

using Nanoseconds = std::chrono::nanoseconds;
using Bytes = std::vector<std::byte>;

/// A communicator waits no longer than this: 11 days.
constexpr Nanoseconds LongestTimeout = std::chrono::seconds(1'000'000);

/// A rank's share of its node's network cards is more than the one and at most the other: bounds for typing errors.
constexpr double FewestNics = 0.001, MostNics = 1000;

/// Who I am and where the others are. `fromEnvironment` reads what the launchers that people already have set.
struct CommunicatorOptions {
  uint32_t rank = 0;
  uint32_t worldSize = 1;
  uint32_t localRank = 0;       ///< among the ranks of its node: for the caller, to choose a device by
  uint32_t ranksPerNode = 0;    ///< as far as the launcher says; 0: unknown
  std::optional<uint32_t> node; ///< which node this rank is on: set on all ranks or on none; see Communicator::create
  double nics = 1; ///< network cards that carry this rank's rows: see Topology::nicsOf, FewestNics, MostNics
  std::string masterAddress = "127.0.0.1";
  uint16_t masterPort = 0;
  std::string jobSecret; ///< strangers without it cannot join
  std::string transport = "ucx";
  Nanoseconds timeout = std::chrono::seconds(60); ///< for every wait; more than 0, at most LongestTimeout

  /// torchrun's RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT; Open MPI's
  /// OMPI_COMM_WORLD_*; Slurm's SLURM_*; PMI_*. Explicit torchrun variables win. `node` is torchrun's GROUP_RANK, then
  /// NODE_RANK, or SLURM_NODEID; FARO_NODE wins. (Open MPI's OMPI_COMM_WORLD_NODE_RANK is a rank's place on its node,
  /// not the node's number.) FARO_NICS, FARO_TRANSPORT, FARO_TIMEOUT (seconds) and FARO_JOB_SECRET are read
  /// too, and FARO_MASTER_PORT, for where MASTER_PORT is taken (torchrun's agent keeps it for itself; then the port
  /// beside it is used). With none of them set: a world of one rank.
  static Expected<CommunicatorOptions> fromEnvironment();
};

/// What comes from other ranks outside of collective calls. Called within check(), progress() and waits, on the calling
/// thread. May call send and deliver of its communicator, and nothing else of it.
class Receiver {
public:
  virtual ~Receiver() = default;
  /// The bytes are valid during the call only.
  virtual void message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) = 0;
  /// Where a slice is to land, `rowBytes` of it beside the others in memory of a device that is attached to the
  /// transport; must stay until `arrived` or until the channel is closed. No data refuses it, which is an error of the
  /// job.
  virtual faro_place place(uint32_t rank, uint64_t tag, size_t size, size_t rowBytes) = 0;
  /// A slice that is all there, in memory of the transport that stays during the call; its address may be odd. True: it
  /// was read, and neither `place` nor `arrived` follow. Not every transport asks, nor for every slice.
  virtual bool whole(uint32_t, uint64_t /*tag*/, std::span<const std::byte>) { return false; }
  /// `size`: of all of the slice.
  virtual void arrived(uint32_t rank, uint64_t tag, size_t size) = 0;
  /// The pieces given to `deliver` with this token may change again.
  virtual void sent(uint64_t token) = 0;
};

/// A job's ranks, with a transport between them and a control connection beside it. One thread at a time; each rank
/// (process, or thread for `local`) has its own. Collective calls must be made by all ranks in the same order.
class Communicator {
public:
  /// Collective. Meets the other ranks, within options.timeout. Errors: INVALID_ARGUMENT (options; ranks that differ in
  /// them, or come twice while all meet), DEADLINE_EXCEEDED (who did not come is named; or all have met already),
  /// PERMISSION_DENIED (another job's secret), PEER_FAILED, ABORTED, NOT_FOUND and VERSION_MISMATCH (of the transport),
  /// UNAVAILABLE (the address, the port, or the transport on this machine).
  /// Ranks with the same options.node are on one node. Where it is not set, the ranks of one machine are (its name,
  /// boot and IPC namespace: what it takes to share memory); where that cannot be told, blocks of options.ranksPerNode.
  static Expected<std::shared_ptr<Communicator>> create(const CommunicatorOptions &options);

  /// `worldSize` communicators for threads of this process, over the transport `local`. Each is to be used by one
  /// thread. `nodes` > 1: they behave as if they were on so many nodes, Topology::blocks. Errors: INVALID_ARGUMENT.
  static Expected<std::vector<std::shared_ptr<Communicator>>> createLocal(uint32_t worldSize, Nanoseconds timeout,
                                                                          uint32_t nodes = 1);

  virtual ~Communicator() = default;

  uint32_t rank() const { return options_.rank; }
  uint32_t size() const { return options_.worldSize; }
  /// The same on all ranks.
  const Topology &topology() const { return topology_; }
  /// Ranks that run on this rank's machine, whichever nodes they are said to be on: they share its cores. As far as can
  /// be told; at least those of its node.
  virtual uint32_t machineRanks() const = 0;
  /// How long a wait may last, now.
  Nanoseconds timeout() const {
    if (!end_)
      return options_.timeout;
    const Nanoseconds left = *end_ - std::chrono::steady_clock::now();
    return std::min(options_.timeout, std::max<Nanoseconds>(left / 5 * 4, std::chrono::seconds(1)));
  }
  /// For a job that is over at `end` whatever becomes of it: waits end before that, and can say what they waited for.
  /// None lasts longer than four fifths of the time that is left, or a second: ranks that do get on wait a little, too.
  /// Before other calls.
  void endBy(std::chrono::steady_clock::time_point end) { end_ = end; }
  const CommunicatorOptions &options() const { return options_; }

  /// Collective. Everybody's bytes, by rank. `what` appears in the error when somebody does not come. Errors:
  /// DEADLINE_EXCEEDED, PEER_FAILED, ABORTED; INVALID_ARGUMENT when ranks are in different calls, or the bytes are more
  /// than fit one message. Each is an error of all ranks, and of all later calls.
  virtual Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what) = 0;

  /// Collective: returns when all ranks are here. Errors: as of allgather.
  virtual Status barrier() = 0;

  /// Tells every rank that this one gives up, and why; their waits end with ABORTED and this message.
  virtual void abort(const Status &why) = 0;

  /// PEER_FAILED or ABORTED once another rank is known to be gone or to have given up. Called from every
  /// long wait, every few milliseconds. Does not block, but for half a second at most when it is the first to know of
  /// a failure, which it tells the others.
  virtual Status check() = 0;

  /// Why no call can succeed any more, as far as this rank has noticed: without looking, see check. OK before.
  virtual Status failure() const = 0;

  /// Whether the rank has said that it needs nobody any more; it comes to no further call. As of the last check().
  virtual bool hasLeft(uint32_t rank) const = 0;

  /// Collective in that all ranks open and close channels in the same order; waits for nobody. A channel's messages and
  /// slices reach its receiver. Messages that come before it is open are kept; slices must not: a receiver has to tell
  /// its peers first that it is there.
  virtual Expected<uint16_t> open(Receiver &receiver) = 0;
  /// Returns when nothing is being read from or written to the receiver's memory any more. Waits for that until a
  /// second after a failure of the job, else until the time-out. Then a rank is stuck in the middle of a slice, and
  /// this one leaves the wire, which is the end of the communicator. What still comes is dropped.
  virtual void close(uint16_t channel) = 0;

  /// Sends a copy of the bytes, in order after this rank's other messages to `rank`. tag < 2^16.
  virtual Status send(uint16_t channel, uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) = 0;
  /// Sends the pieces, one after the other, as one slice; Receiver::sent(token) says when they may change (even when
  /// the peer has failed; perhaps before this returns). Slices arrive in no particular order. tag, token < 2^48.
  /// `rows`: null, or the slice's rows in memory of a device that is attached to the transport.
  virtual Status deliver(uint16_t channel, uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces,
                         uint64_t token, const faro_iov *rows = nullptr) = 0;
  /// Makes communication go on without looking after peers. How many things happened.
  virtual uint32_t progress() = 0;
  /// Returns when something may have happened on the wire, or after `limit`. Call progress or check afterwards.
  virtual Status sleep(Nanoseconds limit) = 0;

  virtual const faro_transport &transport() const = 0;
  virtual faro_transport_context *transportContext() const = 0;

protected:
  Communicator(CommunicatorOptions options, Topology topology)
      : options_(std::move(options)), topology_(std::move(topology)) {}
  CommunicatorOptions options_;
  const Topology topology_;

private:
  std::optional<std::chrono::steady_clock::time_point> end_;
};

} // namespace faro
