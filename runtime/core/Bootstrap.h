// How ranks find each other before there is a transport, and how they hear of each other's end.
//
//   environment ─► Bootstrap ─► transports' addresses exchanged ─► Communicator
//                   ├─ TcpBootstrap    processes: a star of control connections through rank 0
//                   └─ LocalBootstrap  threads of one process
#pragma once

#include "faro/communicator.h"

namespace faro {

using Clock = std::chrono::steady_clock;

/// Called every few milliseconds by whoever waits, to keep other things going. An error ends the wait.
using Idle = std::function<Status()>;

/// One rank's end. One thread at a time.
class Bootstrap {
public:
  virtual ~Bootstrap() = default;

  /// Names this job among all jobs, the same on all ranks, not to be guessed.
  virtual const std::string &job() const = 0;

  /// Collective. Everybody's bytes, by rank. When a rank does not come in time, the error names it, on all ranks.
  virtual Expected<std::vector<Bytes>> allgather(const Bytes &mine, const char *what, Nanoseconds timeout,
                                                 const Idle &idle) = 0;

  /// Tells the others that this rank gives up. Takes a fraction of a second at most.
  virtual void abort(const Status &why) = 0;

  /// Never blocks. ABORTED or PEER_FAILED once some rank has given up or is gone; sticky.
  virtual Status check() = 0;

  /// Whether the rank has said that it needs nobody any more. Its end is no failure then.
  virtual bool hasLeft(uint32_t rank) const = 0;

  /// Says that this rank needs nobody any more. Where the end of one would harm the others, waits until all have said
  /// so, but not longer than `timeout`.
  virtual void leave(Nanoseconds timeout, const Idle &idle) = 0;
};

/// "rank 2: MESSAGE", or the message where it begins like that.
std::string saidBy(uint32_t rank, const std::string &message);
/// "rank 3", "ranks 3 and 5", "ranks 3, 5, 6 and 8 others".
std::string nameRanks(const std::vector<uint32_t> &ranks);

/// "60 s", "1.5 s", "200 ms".
std::string describe(Nanoseconds time);

/// So many random bytes that cannot be guessed, in hexadecimal.
Expected<std::string> randomName(size_t bytes);

} // namespace faro
