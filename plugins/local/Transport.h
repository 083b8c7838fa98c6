// One rank's transport: puts into its peers' inboxes and takes from its own.
//
//   Job ◄─ Transport ─map─► RemoteRegion
//    ▲        └─────alloc─► Region          regions hold the job themselves, and may outlive the transport
#pragma once

#include "plugins/Attached.h"
#include "plugins/local/Region.h"

#include <map>

namespace faro::local {

class Transport {
public:
  static Expected<std::unique_ptr<Transport>> create(const faro_transport_config &config);
  /// Leaves the job.
  ~Transport();
  Transport(const Transport &) = delete;
  Transport &operator=(const Transport &) = delete;

  const Address &address() const { return address_; }
  Status connect(uint32_t rank, std::span<const std::byte> address);
  Expected<std::unique_ptr<Region>> alloc(size_t size) { return Region::create(job_, config_.rank, size); }
  Expected<std::unique_ptr<RemoteRegion>> map(uint32_t rank, std::span<const std::byte> key);
  Status send(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes);
  Status attach(const faro_device_memory &memory);
  void detach(const void *address) { attached_.remove(address); }
  Status deliver(uint32_t rank, uint64_t tag, std::span<const faro_iov> pieces, const faro_iov *rows, uint64_t token);
  uint32_t progress();
  void sleep(std::chrono::nanoseconds timeout);
  void wake(); ///< any thread
  Status peerState(uint32_t rank) const;
  void leave();

private:
  Transport(const faro_transport_config &config, std::shared_ptr<Job> job);
  Status checkPeer(uint32_t rank) const;
  Status checkConnected(uint32_t rank) const;
  /// OK, or how the peer has failed.
  Status stateOf(uint32_t rank) const;
  Status push(uint32_t rank, Item &&item);
  /// Where it is to land. No data: the receiver has no place, and the peer is a failed one.
  faro_place placeOf(const Slice &slice, size_t size);
  /// From now on the peer is a failed one.
  void refuse(uint32_t rank, std::string why);

  void receive(const Message &message);
  void receive(const Slice &slice);
  void receiveWhole(const Slice &slice, size_t size);
  void receive(const Receipt &receipt);

  const faro_transport_config config_; // its job and node_of are the caller's, and gone
  const std::shared_ptr<Job> job_;
  const Address address_;
  std::vector<uint32_t> nodeOf_; // by rank
  std::vector<bool> connected_;
  bool hasLeft_ = false;
  std::map<uint32_t, Status> refused_; // peers whose slices had no place, or could not be brought there
  plugin::Attached<faro_device_memory> attached_;
  uint64_t slices_ = 0; // that came without rows for a device; every other one is offered whole
};

} // namespace faro::local
