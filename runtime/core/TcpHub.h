// The middle of the star: a thread in rank 0's process that all ranks' control connections end at, rank 0's own
// included. It is a thread so that a death or an abort is passed on while rank 0 computes.
#pragma once

#include "runtime/core/Handshake.h"
#include "runtime/core/HubProtocol.h"

#include <atomic>
#include <list>
#include <map>
#include <thread>

namespace faro {

class TcpHub {
public:
  /// Listens at the address; rank 0 has joined.
  static Expected<std::unique_ptr<TcpHub>> start(const JoinRequest &rank0);
  /// Sends what is queued and waits for the ranks to hang up, for a second at most; two more when ranks that are on
  /// their way have to be told of a failure.
  ~TcpHub();
  TcpHub(const TcpHub &) = delete;
  TcpHub &operator=(const TcpHub &) = delete;

  /// Rank 0's end of its connection. Once.
  std::unique_ptr<Connection> takeRank0() { return std::move(rank0_); }

private:
  /// Somebody who has not yet shown that it belongs to the job.
  struct Stranger {
    Connection connection;
    Nonce nonce;
    Clock::time_point deadline;
  };
  enum class Verdict { Wait, Drop, Joined };

  TcpHub(const JoinRequest &rank0, std::string job, FileDescriptor listener, FileDescriptor stop);
  void run(Nanoseconds timeout);
  void join(uint32_t rank, Nanoseconds timeout);
  void poll(std::chrono::milliseconds longest);
  void accept();
  Verdict examine(Stranger &stranger);
  void serve(uint32_t rank);
  void drain();
  void reply(Connection &connection, const Nonce &hubNonce, const Nonce &rankNonce, bool proven, const Status &status);

  const SecretKey key_;
  const std::string where_;
  FileDescriptor listener_;
  FileDescriptor stop_;
  std::unique_ptr<Connection> rank0_;
  // The rest is the thread's.
  HubProtocol protocol_;
  std::list<Stranger> strangers_;
  std::map<uint32_t, std::unique_ptr<Connection>> ranks_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace faro
