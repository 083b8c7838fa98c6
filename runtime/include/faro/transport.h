/*
 * A transport moves bytes between the ranks of one communicator. It is a plugin: a shared library
 * libfaro_transport_<name>.so that exports FARO_TRANSPORT_ENTRY, a function returning this table.
 *
 *   open ─► address ─► (the communicator exchanges addresses) ─► connect each peer
 *        ─► alloc ─► key ─► (exchanged) ─► map each peer's region
 *        ─► pointer / put / send / deliver / progress / sleep ... ─► (leave) ─► unmap, release, close
 *
 * Capabilities say which entries work. An entry whose capability is not announced may be null. All calls on one
 * transport come from one thread at a time, except `wake`. No call blocks but `sleep`, `flush`, `leave` and
 * `close`, which are bounded by a time-out, and `unmap`, which may take a second. Every call that can fail returns a
 * faro_status and leaves a message for faro_transport::last_error.
 */
#ifndef FARO_TRANSPORT_H
#define FARO_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. The C++ API's Status carries the same codes. */
typedef enum faro_status {
  FARO_OK = 0,
  FARO_INVALID_ARGUMENT = 1, /* the caller's input is wrong */
  FARO_NOT_FOUND = 2,        /* a file, symbol, plugin or peer that does not exist */
  FARO_VERSION_MISMATCH = 3, /* a module, plugin or peer of another version */
  FARO_UNAVAILABLE = 4,      /* this machine or this transport cannot do it */
  FARO_OUT_OF_MEMORY = 5,
  FARO_DEADLINE_EXCEEDED = 6,  /* a bounded wait ended */
  FARO_PEER_FAILED = 7,        /* another rank died or became unreachable */
  FARO_ABORTED = 8,            /* another rank reported an error; its message is passed on */
  FARO_DATA_LOSS = 9,          /* torn or corrupt data */
  FARO_PERMISSION_DENIED = 10, /* a wrong job secret; a folder that cannot be written */
  FARO_INTERNAL = 11           /* a defect of Faro, or an error of a library below it */
} faro_status;

#define FARO_TRANSPORT_VERSION 5u
#define FARO_TRANSPORT_ENTRY "faro_transport_entry"

typedef enum faro_transport_capability {
  FARO_CAN_MAP = 1,      /* `pointer` gives load/store access to the memory of (some) peers */
  FARO_CAN_PUT = 2,      /* `put` and `flush` write into a peer's region */
  FARO_CAN_MESSAGE = 4,  /* `send` delivers messages of any size to the peer's handler, in order per sender */
  FARO_CAN_SLEEP = 8,    /* `sleep` waits without burning a core until something arrives or `wake` is called */
  FARO_CAN_DETECT = 16,  /* `peer_state` notices that a peer has died */
  FARO_CAN_DELIVER = 32, /* `deliver` sends slices to where the receiver wants them */
  FARO_CAN_DEVICE = 64   /* `device_reach` says whether slices may end with rows in a device's memory */
} faro_transport_capability;

/* How slices get from and into the memory of devices. */
typedef enum faro_device_reach {
  FARO_DEVICE_NEVER = 0,  /* they do not */
  FARO_DEVICE_STAGED = 1, /* by copies in host memory, which the transport makes on the way */
  FARO_DEVICE_DIRECT = 2  /* as from and into host memory */
} faro_device_reach;

typedef struct faro_transport_context faro_transport_context; /* one rank's transport */
typedef struct faro_region faro_region;                       /* memory of this rank, reachable by its peers */
typedef struct faro_remote faro_remote;                       /* a peer's region, as seen from here */

/* Memory of a device: addresses that the host may not be able to read. */
typedef struct faro_device_memory {
  void *address;
  size_t size;
  /* Copies to this memory from memory of the same process that has been given to a transport, too, of this device or
   * another; returns when the bytes are there. Any thread. */
  faro_status (*copy)(void *user, void *to, const void *from, size_t size);
  void *user;
} faro_device_memory;

/* Where a slice is to land. */
typedef struct faro_place {
  void *data; /* null refuses the slice */
  void *rows; /* in attached memory; not looked at where the slice has no rows there */
} faro_place;

/* A message of `size` bytes arrived from `rank`. Called on the calling thread, from `progress`, `sleep`, `flush`,
 * `unmap`, `leave` or `close`; `data` is valid during the call only. No handler may call into the transport, except
 * `send` and `deliver`. */
typedef void (*faro_message_handler)(void *user, uint32_t rank, uint32_t tag, const void *data, size_t size);

/* Where a slice from `rank` is to land: `size` bytes, and `row_bytes` more that are for a device. The memory must stay
 * until on_arrived or on_lost. A slice that is refused makes the peer a failed one, with a message that says so. Called
 * like faro_message_handler; so are these (`size`: of all of the slice): */
typedef faro_place (*faro_place_handler)(void *user, uint32_t rank, uint64_t tag, size_t size, size_t row_bytes);
/* The slice's bytes are all there. */
typedef void (*faro_arrived_handler)(void *user, uint32_t rank, uint64_t tag, size_t size);
/* A slice is all there, in memory of the transport that stays during the call; its address may be odd. Not 0: it was
 * read there, and neither on_place nor on_arrived follow. 0: it wants a place. A transport may ask this before
 * on_place, of slices that came as a whole and without bytes for a device. */
typedef int (*faro_whole_handler)(void *user, uint32_t rank, uint64_t tag, const void *data, size_t size);
/* The slice will not arrive, its sender has failed. Its place is the receiver's again. */
typedef void (*faro_lost_handler)(void *user, uint32_t rank, uint64_t tag, size_t size);
/* The pieces given to `deliver` with this token may change again: they are on their way, or the peer has failed (which
 * peer_state says). Once for each `deliver` that returned FARO_OK. */
typedef void (*faro_sent_handler)(void *user, uint64_t token);

typedef struct faro_transport_config {
  uint32_t struct_size;
  uint32_t rank;
  uint32_t world_size;
  const char *job;                 /* names the job; ranks of different jobs never meet */
  faro_message_handler on_message; /* null: messages are dropped */
  void *user;
  uint32_t loopback_only; /* not 0: nothing may listen on, or leave by, a network device other than loopback */
  /* The node of each rank, for `open` to read; null: all on one. Ranks of different nodes are never reached over shared
   * memory, even where they could be. */
  const uint32_t *node_of;
  faro_place_handler on_place; /* null: all slices are refused */
  faro_arrived_handler on_arrived;
  faro_lost_handler on_lost;
  faro_sent_handler on_sent;
  faro_whole_handler on_whole; /* null: every slice wants a place */
} faro_transport_config;

typedef struct faro_iov {
  const void *data;
  size_t size;
} faro_iov;

typedef struct faro_transport {
  uint32_t version;     /* FARO_TRANSPORT_VERSION */
  uint32_t struct_size; /* sizeof(faro_transport) */
  const char *name;
  uint32_t capabilities; /* bits of faro_transport_capability */

  /* The last error of the calling thread, for people: what, which rank, what to do. Never null. */
  const char *(*last_error)(void);

  faro_status (*open)(const faro_transport_config *config, faro_transport_context **out);
  /* Ends this rank's traffic, within timeout_ns even if peers are gone or stuck. Then no slice is read from memory of
   * this rank any more or lands in it, no handler is called, and no entries may be but alloc, base, key, release,
   * pointer, unmap, detach, last_error and close. Peers may notice, or not before it closes. */
  void (*leave)(faro_transport_context *context, int64_t timeout_ns);
  /* Leaves, unless that has been done. Regions and remotes must have been released before. Peers that are still open
   * see this rank as failed from then on. */
  void (*close)(faro_transport_context *context, int64_t timeout_ns);

  /* This rank's address: bytes for `connect` on the peers. The bytes belong to the context. */
  faro_status (*address)(faro_transport_context *context, const void **data, size_t *size);
  /* Makes `rank` (not one's own) reachable. May return before the connection stands: `flush` waits for it, where there
   * is one. Ranks that have flushed and then met may leave without harm to connections that others are still making. */
  faro_status (*connect)(faro_transport_context *context, uint32_t rank, const void *address, size_t size);

  /* Zeroed memory, aligned to 4096 bytes, that peers can reach. size > 0. */
  faro_status (*alloc)(faro_transport_context *context, size_t size, faro_region **out);
  void *(*base)(faro_region *region);
  /* What a peer needs for `map`. The bytes belong to the region. */
  faro_status (*key)(faro_region *region, const void **data, size_t *size);
  void (*release)(faro_region *region);

  /* FARO_UNAVAILABLE for a rank of another node, where the transport reaches these by messages and slices only. */
  faro_status (*map)(faro_transport_context *context, uint32_t rank, const void *key, size_t size, faro_remote **out);
  /* Where the peer's region can be loaded from and stored to directly, or null where it cannot. */
  void *(*pointer)(faro_remote *remote);
  void (*unmap)(faro_remote *remote);

  /* Writes the pieces, one after the other, at `offset` of the peer's region. The pieces must stay unchanged until
   * `flush` returned FARO_OK. */
  faro_status (*put)(faro_remote *remote, uint64_t offset, const faro_iov *pieces, size_t count);
  /* Waits until all puts to all peers have landed, and connections that were begun stand. */
  faro_status (*flush)(faro_transport_context *context, int64_t timeout_ns);

  /* Sends a copy of the bytes. */
  faro_status (*send)(faro_transport_context *context, uint32_t rank, uint32_t tag, const void *data, size_t size);

  /* Sends the pieces, one after the other, as one slice to where the peer's on_place says; no copy is made where the
   * wire allows it. Never blocks; on_sent follows, perhaps before this returns. The pieces' bytes must stay unchanged
   * until then; the array itself may go at once. Slices arrive in no particular order, neither among themselves nor
   * beside messages. `rows`: null, or what the slice has in attached memory, behind the pieces; it is for a rank of
   * another node, and lands in attached memory there. */
  faro_status (*deliver)(faro_transport_context *context, uint32_t rank, uint64_t tag, const faro_iov *pieces,
                         size_t count, const faro_iov *rows, uint64_t token);

  /* With FARO_CAN_DEVICE. The reach of this context, as far as can be told: the same until it is closed. */
  faro_device_reach (*device_reach)(faro_transport_context *context);
  /* Makes memory of a device known, which stays until it is detached. FARO_UNAVAILABLE where there is no reach. */
  faro_status (*attach)(faro_transport_context *context, const faro_device_memory *memory);
  /* No slice may be on its way from or into the memory that begins there. Before the context is closed. */
  void (*detach)(faro_transport_context *context, void *address);

  /* Makes communication go on; delivers messages. Returns how many things happened. */
  uint32_t (*progress)(faro_transport_context *context);
  /* Returns when something may have happened, when woken, or after timeout_ns. Call `progress` afterwards. */
  faro_status (*sleep)(faro_transport_context *context, int64_t timeout_ns);
  /* Ends a `sleep` of another thread, or the next one. Any thread. */
  void (*wake)(faro_transport_context *context);

  /* FARO_OK while the peer is not known to have failed, else FARO_PEER_FAILED (last_error says how it was noticed). A
   * rank of another node that has exchanged nothing with this one may end unnoticed. */
  faro_status (*peer_state)(faro_transport_context *context, uint32_t rank);
} faro_transport;

typedef const faro_transport *(*faro_transport_entry_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
