// The transport `local`: ranks are threads of one process. Memory is ordinary memory, a put is a memcpy, a message is a
// vector handed over under a lock, a slice is copied by its receiver from where its sender has it (rows on a device: in
// the way that the memory's owner gave). Ranks may play to be on several nodes: then `pointer` gives nothing across
// these. It makes everything above the transport testable under the thread sanitizer.
//
// Here is the C table in front of faro::local::Transport.
#include "plugins/Table.h"
#include "plugins/local/Transport.h"

#include <algorithm>

using faro::plugin::bytesOf;
using faro::plugin::report;
using namespace faro::local;

struct faro_transport_context {
  std::unique_ptr<Transport> transport;
};

struct faro_region {
  std::unique_ptr<Region> region;
};

struct faro_remote {
  std::unique_ptr<RemoteRegion> region;
};

template <typename Record> static faro_status handOut(const Record &record, const void **data, size_t *size) {
  *data = &record;
  *size = sizeof record;
  return FARO_OK;
}

namespace {
/// The entries of the table.
struct Local {
  static faro_status open(const faro_transport_config *config, faro_transport_context **out) {
    if (faro_status bad = faro::plugin::checkConfig(config, out))
      return bad;
    auto transport = Transport::create(*config);
    if (!transport)
      return report(transport.status());
    *out = new faro_transport_context{std::move(*transport)};
    return FARO_OK;
  }

  static void leave(faro_transport_context *context, int64_t) { context->transport->leave(); }
  static void close(faro_transport_context *context, int64_t) { delete context; }

  static faro_status address(faro_transport_context *context, const void **data, size_t *size) {
    return handOut(context->transport->address(), data, size);
  }

  static faro_status connect(faro_transport_context *context, uint32_t rank, const void *data, size_t size) {
    return report(context->transport->connect(rank, bytesOf(data, size)));
  }

  static faro_status alloc(faro_transport_context *context, size_t size, faro_region **out) {
    if (faro_status bad = faro::plugin::checkRegion(size))
      return bad;
    auto region = context->transport->alloc(size);
    if (!region)
      return report(region.status());
    *out = new faro_region{std::move(*region)};
    return FARO_OK;
  }

  static void *base(faro_region *region) { return region->region->base(); }

  static faro_status key(faro_region *region, const void **data, size_t *size) {
    return handOut(region->region->key(), data, size);
  }

  static void release(faro_region *region) { delete region; }

  static faro_status map(faro_transport_context *context, uint32_t rank, const void *data, size_t size,
                         faro_remote **out) {
    auto region = context->transport->map(rank, bytesOf(data, size));
    if (!region)
      return report(region.status());
    *out = new faro_remote{std::move(*region)};
    return FARO_OK;
  }

  static void *pointer(faro_remote *remote) { return remote->region->pointer(); }
  static void unmap(faro_remote *remote) { delete remote; }

  static faro_status put(faro_remote *remote, uint64_t offset, const faro_iov *pieces, size_t count) {
    return report(remote->region->put(offset, {pieces, count}));
  }

  static faro_status flush(faro_transport_context *, int64_t) {
    return FARO_OK; // put has copied already
  }

  static faro_status send(faro_transport_context *context, uint32_t rank, uint32_t tag, const void *data, size_t size) {
    return report(context->transport->send(rank, tag, bytesOf(data, size)));
  }

  static faro_status deliver(faro_transport_context *context, uint32_t rank, uint64_t tag, const faro_iov *pieces,
                             size_t count, const faro_iov *rows, uint64_t token) {
    return report(context->transport->deliver(rank, tag, {pieces, count}, rows, token));
  }

  static faro_device_reach device_reach(faro_transport_context *) { return FARO_DEVICE_DIRECT; }

  static faro_status attach(faro_transport_context *context, const faro_device_memory *memory) {
    const faro_status bad = faro::plugin::checkDeviceMemory(memory);
    return bad ? bad : report(context->transport->attach(*memory));
  }

  static void detach(faro_transport_context *context, void *address) { context->transport->detach(address); }

  static uint32_t progress(faro_transport_context *context) { return context->transport->progress(); }

  static faro_status sleep(faro_transport_context *context, int64_t timeoutNs) {
    context->transport->sleep(std::chrono::nanoseconds(std::max<int64_t>(timeoutNs, 0)));
    return FARO_OK;
  }

  static void wake(faro_transport_context *context) { context->transport->wake(); }

  static faro_status peer_state(faro_transport_context *context, uint32_t rank) {
    return report(context->transport->peerState(rank));
  }
};
} // namespace

extern "C" __attribute__((visibility("default"))) const faro_transport *faro_transport_entry(void) {
  static const faro_transport table =
      faro::plugin::makeTable<Local>("local", FARO_CAN_MAP | FARO_CAN_PUT | FARO_CAN_MESSAGE | FARO_CAN_SLEEP |
                                                  FARO_CAN_DETECT | FARO_CAN_DELIVER | FARO_CAN_DEVICE);
  return &table;
}
