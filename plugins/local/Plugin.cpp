// The transport `local`: ranks are threads of one process. Memory is ordinary memory, a put is a memcpy, a message is a
// vector handed over under a lock, a slice is copied by its receiver from where its sender has it. Ranks may play to be
// on several nodes: then `pointer` gives nothing across these. It makes everything above the transport testable under
// the thread sanitizer.
#include "plugins/Table.h"
#include "plugins/local/Job.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

using faro::Status;
using faro::local::Inbox;
using faro::local::Item;
using faro::local::Job;
using faro::local::Memory;
using faro::local::Message;
using faro::local::Receipt;
using faro::local::Slice;
using faro::plugin::fail;
using faro::plugin::report;

namespace {
constexpr uint64_t AddressMagic = 0x6c61636f4c6f7261; // "aroLocal", to tell our bytes from others
constexpr uint64_t KeyMagic = 0x79654b6f4c6f7261;

/// What address() hands out. The process and job number find out ranks that do not live in this process.
struct Address {
  uint64_t magic;
  uint64_t job;
  int64_t process;
  uint32_t rank;
  uint32_t reserved;
};

/// What key() hands out.
struct Key {
  uint64_t magic;
  uint64_t job;
  uint64_t region;
  uint32_t owner;
  uint32_t reserved;
};
} // namespace

struct faro_transport_context {
  std::shared_ptr<Job> job;
  faro_transport_config config; // its job and node_of are the caller's, and gone
  Address address;
  std::vector<uint32_t> nodeOf; // by rank
  std::vector<bool> connected;
  std::set<uint32_t> refused; // peers whose slices had no place
};

struct faro_region {
  std::shared_ptr<Job> job;
  std::shared_ptr<Memory> memory;
  Key key;
};

struct faro_remote {
  std::shared_ptr<Job> job;
  std::shared_ptr<Memory> memory;
  uint32_t owner;
  bool sameNode;
};

static faro_status checkPeer(const faro_transport_context *context, uint32_t rank) {
  if (rank >= context->job->worldSize())
    return fail(FARO_INVALID_ARGUMENT,
                fmt::format("there is no rank {}; the job has {}", rank, context->job->worldSize()));
  if (rank == context->config.rank)
    return fail(FARO_INVALID_ARGUMENT, fmt::format("rank {} is this rank itself, not a peer", rank));
  return FARO_OK;
}

/// OK, or how the peer has failed.
static faro_status stateOf(const faro_transport_context *context, uint32_t rank) {
  if (context->refused.contains(rank))
    return fail(FARO_PEER_FAILED,
                fmt::format("rank {} sent a slice for which rank {} has no place", rank, context->config.rank));
  return report(context->job->state(rank));
}

static faro_status checkConnected(const faro_transport_context *context, uint32_t rank) {
  if (faro_status bad = checkPeer(context, rank))
    return bad;
  if (!context->connected[rank])
    return fail(FARO_INVALID_ARGUMENT, fmt::format("rank {} has not been connected", rank));
  return stateOf(context, rank);
}

/// Leaves something at the peer, which may have left since it was looked at.
static faro_status push(faro_transport_context *context, uint32_t rank, Item &&item) {
  return context->job->inbox(rank).push(std::move(item)) ? FARO_OK : stateOf(context, rank);
}

static void receive(faro_transport_context *context, const Message &message) {
  if (context->config.on_message)
    context->config.on_message(context->config.user, message.rank, message.tag, message.bytes.data(),
                               message.bytes.size());
}

static void receive(faro_transport_context *context, const Slice &slice) {
  const faro_transport_config &config = context->config;
  size_t size = 0;
  for (const faro_iov &piece : slice.pieces)
    size += piece.size;
  void *to = config.on_place ? config.on_place(config.user, slice.rank, slice.tag, size) : nullptr;
  if (!to) {
    context->refused.insert(slice.rank);
    context->job->acknowledge(slice);
    return;
  }
  const bool whole = context->job->gather(slice, static_cast<std::byte *>(to));
  if (const auto handler = whole ? config.on_arrived : config.on_lost)
    handler(config.user, slice.rank, slice.tag, size);
}

static void receive(faro_transport_context *context, const Receipt &receipt) {
  if (context->config.on_sent)
    context->config.on_sent(context->config.user, receipt.token);
}

namespace {
/// The entries of the table.
struct Local {
  static faro_status open(const faro_transport_config *config, faro_transport_context **out) {
    if (faro_status bad = faro::plugin::checkConfig(config, out))
      return bad;
    auto job = Job::join(config->job, config->rank, config->world_size);
    if (!job)
      return report(job.status());
    const Address address{AddressMagic, (*job)->id(), int64_t(getpid()), config->rank, 0};
    std::vector<uint32_t> nodeOf(config->world_size);
    if (config->node_of)
      nodeOf.assign(config->node_of, config->node_of + config->world_size);
    *out = new faro_transport_context{*job, *config, address, std::move(nodeOf), std::vector<bool>(config->world_size),
                                      {}};
    return FARO_OK;
  }

  static void close(faro_transport_context *context, int64_t) {
    if (!context)
      return;
    context->job->leave(context->config.rank);
    delete context;
  }

  static faro_status address(faro_transport_context *context, const void **data, size_t *size) {
    *data = &context->address;
    *size = sizeof context->address;
    return FARO_OK;
  }

  static faro_status connect(faro_transport_context *context, uint32_t rank, const void *data, size_t size) {
    if (faro_status bad = checkPeer(context, rank))
      return bad;
    Address address;
    if (!data || size != sizeof address)
      return fail(FARO_INVALID_ARGUMENT,
                  fmt::format("the address of rank {} has {} bytes; expected {}", rank, size, sizeof address));
    std::memcpy(&address, data, sizeof address);
    if (address.magic != AddressMagic || address.rank != rank)
      return fail(FARO_INVALID_ARGUMENT, fmt::format("these bytes are not the address of rank {}", rank));
    if (address.process != getpid() || address.job != context->job->id())
      return fail(
          FARO_UNAVAILABLE,
          fmt::format("rank {} lives in another process ({}) than rank {}; the transport 'local' connects threads "
                      "of one process, use 'ucx' between processes",
                      rank, address.process, context->config.rank));
    context->connected[rank] = true;
    return report(context->job->state(rank));
  }

  static faro_status alloc(faro_transport_context *context, size_t size, faro_region **out) {
    if (!size)
      return fail(FARO_INVALID_ARGUMENT, "a region of 0 bytes was asked for; it must have at least one");
    auto memory = Memory::create(size);
    if (!memory)
      return report(memory.status());
    const uint64_t number = context->job->publish(context->config.rank, *memory);
    *out = new faro_region{context->job, *memory, Key{KeyMagic, context->job->id(), number, context->config.rank, 0}};
    return FARO_OK;
  }

  static void *base(faro_region *region) { return region->memory->base(); }

  static faro_status key(faro_region *region, const void **data, size_t *size) {
    *data = &region->key;
    *size = sizeof region->key;
    return FARO_OK;
  }

  static void release(faro_region *region) {
    if (!region)
      return;
    region->job->retract(region->key.region);
    delete region;
  }

  static faro_status map(faro_transport_context *context, uint32_t rank, const void *data, size_t size,
                         faro_remote **out) {
    if (faro_status bad = checkConnected(context, rank))
      return bad;
    Key key;
    if (!data || size != sizeof key)
      return fail(FARO_INVALID_ARGUMENT,
                  fmt::format("a key of rank {} has {} bytes; expected {}", rank, size, sizeof key));
    std::memcpy(&key, data, sizeof key);
    if (key.magic != KeyMagic || key.job != context->job->id() || key.owner != rank)
      return fail(FARO_INVALID_ARGUMENT, fmt::format("these bytes are not a key of rank {}", rank));
    auto memory = context->job->find(rank, key.region);
    if (!memory)
      return fail(FARO_NOT_FOUND, fmt::format("rank {} has released the region of this key", rank));
    *out = new faro_remote{context->job, std::move(memory), rank,
                           context->nodeOf[rank] == context->nodeOf[context->config.rank]};
    return FARO_OK;
  }

  static void *pointer(faro_remote *remote) { return remote->sameNode ? remote->memory->base() : nullptr; }
  static void unmap(faro_remote *remote) { delete remote; }

  static faro_status put(faro_remote *remote, uint64_t offset, const faro_iov *pieces, size_t count) {
    if (Status gone = remote->job->state(remote->owner); !gone)
      return report(gone);
    const uint64_t limit = remote->memory->size();
    uint64_t end = offset;
    for (size_t i = 0; i < count && end <= limit; ++i)
      end = pieces[i].size > limit - end ? limit + 1 : end + pieces[i].size;
    if (end > limit)
      return fail(FARO_INVALID_ARGUMENT, fmt::format("a put at offset {} of rank {} ends behind the region's {} bytes",
                                                     offset, remote->owner, limit));
    std::byte *to = remote->memory->base() + offset;
    for (size_t i = 0; i < count; ++i) {
      if (pieces[i].size)
        std::memcpy(to, pieces[i].data, pieces[i].size);
      to += pieces[i].size;
    }
    return FARO_OK;
  }

  static faro_status flush(faro_transport_context *, int64_t) {
    return FARO_OK; // put has copied already
  }

  static faro_status send(faro_transport_context *context, uint32_t rank, uint32_t tag, const void *data, size_t size) {
    if (faro_status bad = checkConnected(context, rank))
      return bad;
    const auto *bytes = static_cast<const std::byte *>(data);
    return push(context, rank, Message{context->config.rank, tag, std::vector<std::byte>(bytes, bytes + size)});
  }

  static faro_status deliver(faro_transport_context *context, uint32_t rank, uint64_t tag, const faro_iov *pieces,
                             size_t count, uint64_t token) {
    if (faro_status bad = checkConnected(context, rank))
      return bad;
    return push(context, rank, Slice{context->config.rank, tag, token, std::vector<faro_iov>(pieces, pieces + count)});
  }

  static uint32_t progress(faro_transport_context *context) {
    const auto items = context->job->inbox(context->config.rank).take();
    for (const Item &item : items)
      std::visit([context](const auto &one) { receive(context, one); }, item);
    return uint32_t(items.size());
  }

  static faro_status sleep(faro_transport_context *context, int64_t timeoutNs) {
    context->job->inbox(context->config.rank).waitFor(std::chrono::nanoseconds(std::max<int64_t>(timeoutNs, 0)));
    return FARO_OK;
  }

  static void wake(faro_transport_context *context) { context->job->inbox(context->config.rank).wake(); }

  static faro_status peer_state(faro_transport_context *context, uint32_t rank) {
    if (faro_status bad = checkPeer(context, rank))
      return bad;
    return stateOf(context, rank);
  }
};
} // namespace

extern "C" __attribute__((visibility("default"))) const faro_transport *faro_transport_entry(void) {
  static const faro_transport table = faro::plugin::makeTable<Local>(
      "local", FARO_CAN_MAP | FARO_CAN_PUT | FARO_CAN_MESSAGE | FARO_CAN_SLEEP | FARO_CAN_DETECT | FARO_CAN_DELIVER);
  return &table;
}
