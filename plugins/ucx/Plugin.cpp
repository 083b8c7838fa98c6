// The transport `ucx`: the C table in front of faro::ucx::Transport.
#include "plugins/Table.h"
#include "plugins/ucx/Envelope.h"
#include "plugins/ucx/Log.h"
#include "plugins/ucx/SignalsHeld.h"
#include "plugins/ucx/Transport.h"

#include <algorithm>
#include <fmt/format.h>

using faro::Status;
using faro::plugin::bytesOf;
using faro::plugin::report;
using namespace faro::ucx;

struct faro_transport_context {
  std::unique_ptr<Transport> transport;
};

struct faro_region {
  std::unique_ptr<MemoryHandle> memory;
  std::vector<std::byte> key;
};

struct faro_remote {
  Transport *transport;
  std::unique_ptr<RemoteKey> key;
};

static Clock::time_point deadlineOf(int64_t timeoutNs) {
  return Clock::now() + std::chrono::nanoseconds(std::max<int64_t>(timeoutNs, 0));
}

namespace {
/// The entries of the table.
struct Ucx {
  static faro_status open(const faro_transport_config *config, faro_transport_context **out) {
    const LogCapture capture;
    const SignalsHeld held;

    if (faro_status bad = faro::plugin::checkConfig(config, out))
      return bad;
    auto transport = Transport::create(*config);
    if (!transport)
      return report(transport.status());
    *out = new faro_transport_context{std::move(*transport)};
    return FARO_OK;
  }

  static void leave(faro_transport_context *context, int64_t timeoutNs) {
    const LogCapture capture;

    context->transport->leave(deadlineOf(timeoutNs));
  }

  static void close(faro_transport_context *context, int64_t timeoutNs) {
    const LogCapture capture;

    if (!context)
      return;
    context->transport->leave(deadlineOf(timeoutNs));
    delete context;
  }

  static faro_status address(faro_transport_context *context, const void **data, size_t *size) {
    *data = context->transport->address().data();
    *size = context->transport->address().size();
    return FARO_OK;
  }

  static faro_status connect(faro_transport_context *context, uint32_t rank, const void *address, size_t size) {
    const LogCapture capture;

    return report(context->transport->connect(rank, bytesOf(address, size)));
  }

  static faro_status alloc(faro_transport_context *context, size_t size, faro_region **out) {
    const LogCapture capture;
    const SignalsHeld held;

    if (faro_status bad = faro::plugin::checkRegion(size))
      return bad;
    auto memory = MemoryHandle::create(context->transport->context(), size);
    if (!memory)
      return report(memory.status());
    auto packed = (*memory)->pack();
    if (!packed)
      return report(packed.status());
    *out = new faro_region{std::move(*memory), seal(Content::Key, context->transport->rank(), *packed)};
    return FARO_OK;
  }

  static void *base(faro_region *region) { return region->memory->base(); }

  static faro_status key(faro_region *region, const void **data, size_t *size) {
    *data = region->key.data();
    *size = region->key.size();
    return FARO_OK;
  }

  static void release(faro_region *region) {
    const LogCapture capture;
    delete region;
  }

  static faro_status map(faro_transport_context *context, uint32_t rank, const void *key, size_t size,
                         faro_remote **out) {
    const LogCapture capture;

    auto remote = context->transport->map(rank, bytesOf(key, size));
    if (!remote)
      return report(remote.status());
    *out = new faro_remote{context->transport.get(), std::move(*remote)};
    return FARO_OK;
  }

  static void *pointer(faro_remote *remote) { return remote->key->pointer(); }
  static void unmap(faro_remote *remote) {
    const LogCapture capture;
    delete remote;
  }

  static faro_status put(faro_remote *remote, uint64_t offset, const faro_iov *pieces, size_t count) {
    const LogCapture capture;

    return report(remote->transport->put(*remote->key, offset, {pieces, count}));
  }

  static faro_status flush(faro_transport_context *context, int64_t timeoutNs) {
    const LogCapture capture;

    return report(context->transport->flush(deadlineOf(timeoutNs)));
  }

  static faro_status send(faro_transport_context *context, uint32_t rank, uint32_t tag, const void *data, size_t size) {
    const LogCapture capture;

    return report(context->transport->send(rank, tag, bytesOf(data, size)));
  }

  static faro_status deliver(faro_transport_context *context, uint32_t rank, uint64_t tag, const faro_iov *pieces,
                             size_t count, const faro_iov *rows, uint64_t token) {
    const LogCapture capture;

    return report(context->transport->deliver(rank, tag, {pieces, count}, rows, token));
  }

  static faro_device_reach device_reach(faro_transport_context *context) { return context->transport->deviceReach(); }

  static faro_status attach(faro_transport_context *context, const faro_device_memory *memory) {
    const LogCapture capture;

    const faro_status bad = faro::plugin::checkDeviceMemory(memory);
    return bad ? bad : report(context->transport->attach(*memory));
  }

  static void detach(faro_transport_context *context, void *address) {
    const LogCapture capture;
    context->transport->detach(address);
  }

  static uint32_t progress(faro_transport_context *context) {
    const LogCapture capture;
    return context->transport->progress();
  }

  static faro_status sleep(faro_transport_context *context, int64_t timeoutNs) {
    const LogCapture capture;

    return report(context->transport->sleep(deadlineOf(timeoutNs)));
  }

  static void wake(faro_transport_context *context) { context->transport->wake(); }

  static faro_status peer_state(faro_transport_context *context, uint32_t rank) {
    return report(context->transport->peerState(rank));
  }
};
} // namespace

extern "C" __attribute__((visibility("default"))) const faro_transport *faro_transport_entry(void) {
  static const faro_transport table =
      faro::plugin::makeTable<Ucx>("ucx", FARO_CAN_MAP | FARO_CAN_PUT | FARO_CAN_MESSAGE | FARO_CAN_SLEEP |
                                              FARO_CAN_DETECT | FARO_CAN_DELIVER | FARO_CAN_DEVICE);
  return &table;
}
