// One rank's transport: its workers, its peers, and what goes between them.
//
//   Context ◄─ Worker ◄─ Endpoint ◄─ RemoteKey      a child holds its parent
//      ▲                    ▲
//      └─ MemoryHandle    Peers ◄─ Messages, Slices ─► DeviceMemory
//
// There is a context and a worker for this node and, when there are other nodes, a second pair for these.
#pragma once

#include "plugins/ucx/MemoryHandle.h"
#include "plugins/ucx/Messages.h"
#include "plugins/ucx/RemoteKey.h"
#include "plugins/ucx/Slices.h"

#include <memory>
#include <span>

namespace faro::ucx {

class Transport {
public:
  static Expected<std::unique_ptr<Transport>> create(const faro_transport_config &config);
  /// Cuts off what `close` did not bring to an end.
  ~Transport();
  Transport(const Transport &) = delete;
  Transport &operator=(const Transport &) = delete;

  /// faro_transport::leave: lets what was sent go out and tears the connections down, until the deadline. Once.
  void leave(Clock::time_point deadline);

  uint32_t rank() const { return rank_; }
  const std::vector<std::byte> &address() const { return address_; }
  /// In which memory is made.
  const std::shared_ptr<Context> &context() const { return workers_.front()->context(); }

  Status connect(uint32_t rank, std::span<const std::byte> address);
  Expected<std::unique_ptr<RemoteKey>> map(uint32_t rank, std::span<const std::byte> key);
  Status put(RemoteKey &remote, uint64_t offset, std::span<const faro_iov> pieces);
  Status flush(Clock::time_point deadline);
  Status send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes);
  Status deliver(uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows, uint64_t token);
  /// Of the wire.
  faro_device_reach deviceReach() const { return workers_.back()->context()->deviceReach(); }
  Status attach(const faro_device_memory &memory);
  void detach(const void *address) { attached_.remove(address); }
  uint32_t progress();
  Status sleep(Clock::time_point deadline);
  void wake(); ///< any thread
  Status peerState(uint32_t rank) const { return peers_.state(rank); }

private:
  using Workers = std::vector<std::shared_ptr<Worker>>; // this node's first, then the wire's

  Transport(const faro_transport_config &config, Workers workers);
  bool isSettled() const { return !dirty_ && flushes_.empty(); }
  /// Flushes all workers; false: the deadline.
  bool flushWorkers(Clock::time_point deadline);
  static void onPut(void *request, ucs_status_t status, void *self);

  const uint32_t rank_;
  const uint64_t job_;
  int wakeFd_ = -1;
  bool hasLeft_ = false;
  std::vector<std::byte> address_;
  Peers peers_;
  Messages messages_;
  AttachedMemory attached_;
  Slices slices_;
  bool dirty_ = false; // something was started since the last flush, be it a connection
  Workers workers_;    // gone before what is above: no callback comes after it
  /// The one that brought something the last time. As long as it does, the other is looked at less often: each look
  /// asks the kernel, which took 2 % of a dispatch between nodes.
  const Worker *busy_ = nullptr;
  static constexpr unsigned LookAroundEvery = 4;
  unsigned calls_ = 0;
  std::vector<Request> flushes_; // those that had not come to their end at their deadline; gone before their workers
};

} // namespace faro::ucx
