// The transport `ucx`: the C table in front of faro::ucx::Transport.
#include "plugins/LastError.h"
#include "plugins/ucx/Envelope.h"
#include "plugins/ucx/Log.h"
#include "plugins/ucx/Transport.h"

#include <algorithm>
#include <fmt/format.h>

using faro::Status;
using faro::plugin::fail;
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

static std::span<const std::byte> bytesOf(const void *data, size_t size) {
  return {static_cast<const std::byte *>(data), data ? size : 0};
}

static faro_status openContext(const faro_transport_config *config, faro_transport_context **out) {
  const LogCapture capture;

  if (!config || !out || config->struct_size < sizeof(faro_transport_config) || !config->job)
    return fail(FARO_INVALID_ARGUMENT, "open needs a configuration with a job name, of this version's size");
  if (config->rank >= config->world_size)
    return fail(FARO_INVALID_ARGUMENT,
                fmt::format("rank {} is outside of a world of {}", config->rank, config->world_size));
  auto transport = Transport::create(*config);
  if (!transport)
    return report(transport.status());
  *out = new faro_transport_context{std::move(*transport)};
  return FARO_OK;
}

static void closeContext(faro_transport_context *context, int64_t timeoutNs) {
  const LogCapture capture;

  if (!context)
    return;
  context->transport->close(deadlineOf(timeoutNs));
  delete context;
}

static faro_status addressOf(faro_transport_context *context, const void **data, size_t *size) {
  *data = context->transport->address().data();
  *size = context->transport->address().size();
  return FARO_OK;
}

static faro_status connectPeer(faro_transport_context *context, uint32_t rank, const void *address, size_t size) {
  const LogCapture capture;

  return report(context->transport->connect(rank, bytesOf(address, size)));
}

static faro_status allocRegion(faro_transport_context *context, size_t size, faro_region **out) {
  const LogCapture capture;

  if (!size)
    return fail(FARO_INVALID_ARGUMENT, "a region of 0 bytes was asked for; it must have at least one");
  auto memory = MemoryHandle::create(context->transport->context(), size);
  if (!memory)
    return report(memory.status());
  auto packed = (*memory)->pack();
  if (!packed)
    return report(packed.status());
  *out = new faro_region{std::move(*memory), seal(Content::Key, context->transport->rank(), *packed)};
  return FARO_OK;
}

static void *baseOf(faro_region *region) { return region->memory->base(); }

static faro_status keyOf(faro_region *region, const void **data, size_t *size) {
  *data = region->key.data();
  *size = region->key.size();
  return FARO_OK;
}

static void releaseRegion(faro_region *region) {
  const LogCapture capture;
  delete region;
}

static faro_status mapRemote(faro_transport_context *context, uint32_t rank, const void *key, size_t size,
                             faro_remote **out) {
  const LogCapture capture;

  auto remote = context->transport->map(rank, bytesOf(key, size));
  if (!remote)
    return report(remote.status());
  *out = new faro_remote{context->transport.get(), std::move(*remote)};
  return FARO_OK;
}

static void *pointerOf(faro_remote *remote) { return remote->key->pointer(); }
static void unmapRemote(faro_remote *remote) {
  const LogCapture capture;
  delete remote;
}

static faro_status putPieces(faro_remote *remote, uint64_t offset, const faro_iov *pieces, size_t count) {
  const LogCapture capture;

  return report(remote->transport->put(*remote->key, offset, {pieces, count}));
}

static faro_status flushPuts(faro_transport_context *context, int64_t timeoutNs) {
  const LogCapture capture;

  return report(context->transport->flush(deadlineOf(timeoutNs)));
}

static faro_status sendMessage(faro_transport_context *context, uint32_t rank, uint32_t tag, const void *data,
                               size_t size) {
  const LogCapture capture;

  return report(context->transport->send(rank, tag, bytesOf(data, size)));
}

static uint32_t makeProgress(faro_transport_context *context) {
  const LogCapture capture;
  return context->transport->progress();
}

static faro_status sleepFor(faro_transport_context *context, int64_t timeoutNs) {
  const LogCapture capture;

  return report(context->transport->sleep(deadlineOf(timeoutNs)));
}

static void wakeContext(faro_transport_context *context) { context->transport->wake(); }

static faro_status peerState(faro_transport_context *context, uint32_t rank) {
  return report(context->transport->peerState(rank));
}

static const char *lastErrorText() { return faro::plugin::lastError().c_str(); }

extern "C" __attribute__((visibility("default"))) const faro_transport *faro_transport_entry(void) {
  static const faro_transport table = {
      FARO_TRANSPORT_VERSION,
      sizeof(faro_transport),
      "ucx",
      FARO_CAN_MAP | FARO_CAN_PUT | FARO_CAN_MESSAGE | FARO_CAN_SLEEP | FARO_CAN_DETECT,
      lastErrorText,
      openContext,
      closeContext,
      addressOf,
      connectPeer,
      allocRegion,
      baseOf,
      keyOf,
      releaseRegion,
      mapRemote,
      pointerOf,
      unmapRemote,
      putPieces,
      flushPuts,
      sendMessage,
      nullptr,
      makeProgress,
      sleepFor,
      wakeContext,
      peerState,
  };
  return &table;
}
