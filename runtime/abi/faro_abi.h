/*
 * The module ABI: what compiler and runtime share of a module. (The runtime knows the compiler by one header more, that
 * of the library it loads when a spec is to be compiled just in time: compiler/CAPI/faro_compiler.h.)
 *
 *   spec.mlir ─► compiler ─► faro_abi_module (in a .so, or in memory) ─► runtime
 *
 * A module is one constant C structure. Ahead of time it is exported by a shared library under the name
 * FARO_ABI_SYMBOL; just in time it lives in the memory of the compiler's result. The runtime cannot tell which.
 *
 * Everything here is plain C with fixed-width fields, so that LLVM IR can spell it as constants. Pointers are valid for
 * as long as the library (or the compiler's result) is; nothing is written after it was made, so any thread may read
 * it. Any change of meaning or shape raises FARO_ABI_VERSION: the loader refuses other versions, and says so.
 */
#ifndef FARO_ABI_H
#define FARO_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FARO_ABI_MAGIC 0x6f726146u /* "Faro", little-endian */
#define FARO_ABI_VERSION 10u
#define FARO_ABI_SYMBOL "faro_module"

/* A library made by faroc ends with these eight letters and the SHA-256 of all before them: who loads it can tell
 * whether it is still what was written. One that ends where its headers say it does, as when it was stripped, has none.
 */
#define FARO_ABI_SUM_MARK "FaroSum1"

/* The largest top-k a program may have. */
#define FARO_ABI_MAX_TOPK 64u

/* How an element of a row is stored. Dispatch moves bits of any of them; combine sums bf16, f16 and f32. */
typedef enum faro_abi_element { FARO_ABI_BF16 = 1, FARO_ABI_F16 = 2, FARO_ABI_F32 = 3 } faro_abi_element;

/* A row: `columns` elements, `bytes` = columns x element size. In memory that Faro owns, rows lie `stride` bytes apart:
 * a multiple of 64 where that costs little, so that whole cache lines can be stored past the cache. */
typedef struct faro_abi_row {
  uint32_t element; /* faro_abi_element */
  uint32_t reserved;
  uint64_t columns;
  uint64_t bytes;
  uint64_t stride;
} faro_abi_row;

/* The keys by which the items of a rank are ordered. */
typedef enum faro_abi_key {
  FARO_ABI_KEY_EXPERT = 0,
  FARO_ABI_KEY_SOURCE = 1,
  FARO_ABI_KEY_TOKEN = 2,
  FARO_ABI_KEY_CHOICE = 3
} faro_abi_key;

/* Which item lies in which row. `order` is complete: all four keys, ties written out. Each group of equal order[0]
 * starts at a multiple of `align` rows; rows between are padding and hold zeros. */
typedef struct faro_abi_layout {
  uint8_t order[4]; /* faro_abi_key */
  uint32_t align;   /* >= 1 */
} faro_abi_layout;

typedef enum faro_abi_placement_kind {
  FARO_ABI_PLACEMENT_BLOCK = 0,       /* the first experts mod ranks ranks hold one more */
  FARO_ABI_PLACEMENT_ROUND_ROBIN = 1, /* expert e on rank e mod ranks */
  FARO_ABI_PLACEMENT_TABLE = 2        /* expert e on rank table[e]; on a rank in ascending order of e */
} faro_abi_placement_kind;

typedef struct faro_abi_routes {
  uint32_t topk;
  uint32_t experts;
  uint32_t placement;    /* faro_abi_placement_kind */
  uint32_t table_size;   /* `experts` for a table, else 0 */
  const uint32_t *table; /* expert -> rank, or null */
} faro_abi_routes;

/* The mesh a program was written for; 0 stands for `?`, bound when a communicator is made. */
typedef struct faro_abi_mesh {
  uint32_t nodes;
  uint32_t ranks_per_node;
} faro_abi_mesh;

/* Which way rows go. A program holds one schedule for each path that it can take. */
typedef enum faro_abi_path {
  FARO_ABI_DIRECT = 0,      /* all ranks map each other's memory */
  FARO_ABI_HIERARCHICAL = 1 /* ranks of a node do; between nodes, rows travel in slices */
} faro_abi_path;

/* What a stage does. The engine knows these and nothing else. A flow is the rows that one rank of a node (their rail)
 * sends to one rank of another node (their forwarder), in slices. */
typedef enum faro_abi_stage_op {
  FARO_ABI_STAGE_NOTIFY = 0, /* raise `flag` at every rank of this node; all written before is visible with it */
  FARO_ABI_STAGE_AWAIT = 1,  /* done when every rank of this node has raised `flag` here */
  FARO_ABI_STAGE_PAD = 2,    /* zero the padding rows of this rank's window */
  FARO_ABI_STAGE_PUSH = 3,   /* push kernel: items of this rank's tokens whose experts are on this node */
  FARO_ABI_STAGE_PULL = 4,   /* pull kernel: this rank's tokens that no SETTLE has summed. Direct: from result rows;
                              * hierarchical: from partial rows in the order of nodes, weights 1, this node's own by the
                              * share kernel */
  FARO_ABI_STAGE_HAND = 5,   /* push kernel: tokens that leave by another rank's rail, to that rank's transit window */
  FARO_ABI_STAGE_ASK = 6,    /* send forwarders the places, weights and return places of this rank's rows */
  /* Once a slice of each flow: */
  FARO_ABI_STAGE_GATHER = 7,   /* push kernel: rows of one flow's next slice into a slot of ring `into` */
  FARO_ABI_STAGE_REDUCE = 8,   /* pull kernel: sums of one flow's next slice into a slot of ring `into` */
  FARO_ABI_STAGE_WIRE = 9,     /* a slot of ring `from` to a slot of the receiver's ring `into` */
  FARO_ABI_STAGE_FAN_OUT = 10, /* push kernel: a slot of ring `from` to the rows' places on this node */
  FARO_ABI_STAGE_SETTLE = 11   /* pull kernels: tokens as PULL sums them, of which a slot of ring `from` holds the last
                                * partial row; FAN_OUT leaves these rows out */
} faro_abi_stage_op;

typedef enum faro_abi_resource { FARO_ABI_ON_CORE = 0, FARO_ABI_ON_LINK = 1, FARO_ABI_ON_NIC = 2 } faro_abi_resource;

#define FARO_ABI_FLAGS 4u /* flags a program may use: 0 .. FARO_ABI_FLAGS - 1 */
#define FARO_ABI_NO_KERNEL 0xffffffffu
#define FARO_ABI_MAX_STAGES 64u /* of a schedule: a bit each */
#define FARO_ABI_MAX_RINGS 8u   /* of a schedule */
#define FARO_ABI_NO_RING 0xffffffffu

/* Slots for slices. The ring that a wire writes into exists once for each flow that arrives at a rank; any other once a
 * rank. A slice larger than a slot takes as many adjacent slots as it needs. */
typedef struct faro_abi_ring {
  const char *name;
  uint64_t slot_bytes; /* a multiple of 64 */
  uint32_t slots;
  uint32_t reserved;
} faro_abi_ring;

typedef enum faro_abi_gather {
  FARO_ABI_BY_COPY = 0,
  FARO_ABI_BY_REFERENCE = 1 /* the slot holds header and descriptors; the wire takes rows from where they lie */
} faro_abi_gather;

/* One actor of the schedule. It fires when all stages of `after` (indices of this schedule's stages, each smaller than
 * its own) are done and the rings that it acquires have a slot: waiting comes before `resource` is taken. GATHER,
 * REDUCE, WIRE, FAN_OUT and SETTLE fire once for each slice of each flow, the others once. The n-th firing of the
 * former waits for the n-th firing, in the same flow, of those of its `after` that are once a slice too; a stage that
 * fires once waits for all slices of all flows. */
typedef struct faro_abi_stage {
  const char *name;
  uint32_t op;               /* faro_abi_stage_op */
  uint32_t resource;         /* faro_abi_resource */
  uint32_t flag;             /* NOTIFY, AWAIT */
  uint32_t kernel;           /* of stages that run one: index into each kernel set; plain stores */
  uint32_t streaming_kernel; /* the same with stores past the cache, or FARO_ABI_NO_KERNEL; not on devices */
  uint32_t share_kernel;     /* hierarchical PULL and SETTLE: pull kernel, a partial row of result rows on this node */
  uint32_t gather;           /* GATHER: faro_abi_gather */
  uint32_t from, into;       /* rings, or FARO_ABI_NO_RING */
  uint32_t acquires;         /* bit r: a slot of ring r is taken before it fires */
  uint32_t releases;         /* bit r: a slot of ring r is free when it is done */
  uint32_t after_count;
  const uint32_t *after;
} faro_abi_stage;

/* How one program runs on one path. */
typedef struct faro_abi_schedule {
  const char *name; /* of the xfer.program */
  uint32_t path;    /* faro_abi_path */
  uint32_t partial; /* faro_abi_element of partial rows; hierarchical combines only, else 0 */
  /* Bytes between rows of a partial window and of a slot of partial rows; 0 where there are none. */
  uint64_t partial_stride;
  uint32_t stage_count, ring_count;
  const faro_abi_stage *stages;
  const faro_abi_ring *rings;
} faro_abi_schedule;

/* Kernels that find a batch's plan on the device that its topk_idx is on (faro_abi_plan_fn): indices into each kernel
 * set. */
typedef struct faro_abi_plan_kernels {
  uint32_t chunk_tokens; /* tokens are counted and placed in chunks of so many; a block each */
  uint32_t count;        /* items of each chunk, by expert */
  uint32_t scan;         /* items of this rank by expert, to every rank's board; what comes before each chunk */
  uint32_t meet;         /* tell every rank, and wait for every rank */
  uint32_t offsets;      /* where groups begin, and where this rank's items begin in them */
  uint32_t place;        /* each item's row, in lists for the push and the pull */
  uint32_t pad;          /* zeros into the padding rows of this rank; FARO_ABI_NO_KERNEL where align is 1 */
  uint32_t weigh;        /* weights in the order of the lists */
} faro_abi_plan_kernels;

typedef enum faro_abi_op { FARO_ABI_DISPATCH = 0, FARO_ABI_COMBINE = 1 } faro_abi_op;

/* One shuffle: a function of the spec. `layout` and `row` describe the experts' side; the tokens' side is token-major
 * with the same row. */
typedef struct faro_abi_program {
  const char *name;
  uint32_t op;             /* faro_abi_op */
  uint32_t schedule_count; /* at most one a path */
  faro_abi_row row;
  faro_abi_layout layout;
  faro_abi_routes routes;
  /* Stores go past the cache when this rank's output has at least so many bytes (and its rows are 64-byte aligned). */
  uint64_t streaming_threshold;
  const faro_abi_schedule *schedules;
  const faro_abi_plan_kernels *plan; /* of a dispatch that can be planned on a device, or null */
} faro_abi_program;

/*
 * The rows of a kernel, in what follows, are the program's; but in a hierarchical combine FAN_OUT, SETTLE and PULL read
 * partial rows (schedule.partial, partial_stride), and FAN_OUT, REDUCE and share kernels store such.
 */

/*
 * Push: for each token t of [begin, end), reads the row at src + t x src_stride once and stores it to the rows at
 * dst[offsets[t]] .. dst[offsets[t + 1] - 1] (addresses). row.stride bytes are stored for each: a padded row
 * (row.stride > row.bytes) has zeros in its padding. dst rows are aligned to 64 bytes when row.stride is a multiple of
 * 64; src needs no alignment. The streaming form ends with a store fence.
 * A device's takes src, dst and src_stride in multiples of the largest power of two that divides row.bytes, up to 32.
 */
typedef void (*faro_abi_push_fn)(const void *src, int64_t src_stride, const uint32_t *offsets, const uint64_t *dst,
                                 int64_t begin, int64_t end);

/* The least rows that a CPU's streaming pull stores at any place: see faro_abi_pull_fn. */
#define FARO_ABI_ANYWHERE_BYTES 1024u

/*
 * Pull: for each token t of [begin, end), out[t] = round(sum over i in [offsets[t], offsets[t + 1]) of
 * weights[i] x row(rows[i])), in f32: each product is rounded, then added, in the order of i, starting from +0. A NaN
 * result is the one quiet NaN with sign 0 and payload 0 (0x7fc0 in bf16). Rows are read up to row.stride bytes. `rows`
 * holds at least FARO_ABI_MAX_TOPK valid addresses behind offsets[end]: the kernel prefetches through them. The
 * streaming form needs `out` and out_stride to be multiples of 64, stores whole lines past the cache and a last,
 * partial one plainly, and ends with a store fence. A CPU's takes multiples of the element where rows are no whole
 * lines, of FARO_ABI_ANYWHERE_BYTES at least, and sums are stored as the element that is read. Both store row.bytes
 * bytes a row, whatever lies between rows; the plain form at any alignment. A device's takes rows, `out` and strides as
 * its push does.
 */
typedef void (*faro_abi_pull_fn)(void *out, int64_t out_stride, const uint32_t *offsets, const uint64_t *rows,
                                 const float *weights, int64_t begin, int64_t end);

/* Meetings of the ranks of a node while kernels plan: each is a word a rank and a peer, which counts up. */
typedef enum faro_abi_meeting {
  FARO_ABI_MEET_COUNTED = 0, /* my counts are on your board, and whatever I read of your memory is over */
  FARO_ABI_MEET_PUSHED = 1,  /* all rows that I have for you are there */
  FARO_ABI_MEET_READY = 2,   /* my experts' rows are complete */
  FARO_ABI_MEET_PULLED = 3,  /* I have read your experts' rows */
  FARO_ABI_MEETINGS = 4
} faro_abi_meeting;

/* Chunks are scanned so many at a time. */
#define FARO_ABI_PLAN_CHUNKS 16u

/* What plan kernels of one rank work on; all addresses are of the device. Fields without a comment on who writes them
 * are the host's, written once. R ranks, E experts, L of them on this rank, C chunks: ceil(tokens / chunk_tokens), in
 * whole FARO_ABI_PLAN_CHUNKS, at least one. */
typedef struct faro_abi_plan_area {
  uint64_t rank, ranks;
  uint64_t capacity; /* rows of every rank's windows */
  uint64_t timeout;  /* nanoseconds that a meeting may take */
  /* Which rank holds which expert: u32 each. */
  uint64_t owner;         /* [E] */
  uint64_t experts_by;    /* [E]: all experts, by rank, ascending on each rank */
  uint64_t position;      /* [E]: where an expert is in experts_by */
  uint64_t first_of_rank; /* [R + 1] */
  /* Memory of all ranks: an address each, u64 [R]. */
  uint64_t boards;   /* u32 [R][E]: each rank's items by expert, in the order of experts_by */
  uint64_t signals;  /* u64 [FARO_ABI_MEETINGS][R]: what each rank has told */
  uint64_t received; /* windows of rows that dispatch stores */
  uint64_t outputs;  /* windows of rows that combine reads */
  /* Written by kernels, for kernels. */
  uint64_t counts; /* u32 [C][E + 1]: items of a chunk by expert, and all of them; then those of the chunks before */
  uint64_t faults; /* u64 [C]: 0, or 1 + the index of the chunk's first item that names no expert */
  uint64_t sent;   /* u64 [FARO_ABI_MEETINGS][R]: the last word told to each rank */
  uint64_t starts, totals, bases; /* u64 [E]: a group's first row, its items, the first row of this rank's items */
  uint64_t rows;                  /* u64 [R]: of each rank, padding included; 0 at first */
  /* The lists that push and pull kernels take, of at least tokens x topk entries; u32, u64, u64, f32. */
  uint64_t list_offsets, destinations, sources, weights;
  uint64_t choices; /* u32: t x topk + k of each entry */
  /* For the caller: i64 [L + 1], [L]. */
  uint64_t expert_offsets, expert_counts;
  uint64_t status; /* u64 [FARO_ABI_PLAN_STATUS + R]; 0 at first; the first fault of its kind stays */
} faro_abi_plan_area;

/* Words of the status. Behind them, for each rank: 0, or 1 + the meeting that it did not come to in time. */
typedef enum faro_abi_plan_status {
  FARO_ABI_PLAN_BROKEN = 0,    /* somebody did not come: nothing is told and nothing moved any more */
  FARO_ABI_PLAN_FAULT = 1,     /* 1 + the index of an item that names no expert; it was dropped */
  FARO_ABI_PLAN_OVERFULL = 2,  /* 1 + a rank that has more rows than the capacity; nothing was moved */
  FARO_ABI_PLAN_OVER_ROWS = 3, /* how many it has */
  FARO_ABI_PLAN_STATUS = 4
} faro_abi_plan_status;

/*
 * Plan kernels. `number`: tokens, or the meeting of `meet`. `tokens`: null, or a word with fewer tokens: those behind
 * have no items. `given`: topk_idx (i64 [number, topk]) of count and place, the caller's weights of weigh, else null.
 * One after the other, a batch is
 *
 *   count, scan, meet COUNTED, offsets, place, pad, push of the lists, meet PUSHED
 *   weigh, meet READY, pull of the lists, meet PULLED
 *
 * and nothing in it depends on the host: launched again with other contents of the same memory it is another batch.
 */
typedef void (*faro_abi_plan_fn)(const faro_abi_plan_area *area, const void *given, const int64_t *tokens,
                                 int64_t number);

typedef struct faro_abi_kernel {
  const char *name;
  void (*entry)(
      void); /* a faro_abi_push_fn, _pull_fn or _plan_fn, by who names it; null in a set of FARO_ABI_CPU_NONE */
} faro_abi_kernel;

/* What a processor must have to run a kernel set. Higher levels include lower ones. */
typedef enum faro_abi_cpu_level {
  FARO_ABI_CPU_NONE = 0,             /* names only: the kernels are in the images for devices */
  FARO_ABI_CPU_X86_64 = 1,           /* any x86-64 */
  FARO_ABI_CPU_X86_64_V3 = 3,        /* AVX2, FMA, F16C, BMI2 */
  FARO_ABI_CPU_X86_64_V3_AMD = 4,    /* the same, and AMD: kernels for its memory */
  FARO_ABI_CPU_X86_64_V3_AMD17H = 5, /* the same, and of its family 17h: the first Zens, Zen 2 the last of them */
  FARO_ABI_CPU_X86_64_V4 = 6,        /* AVX-512 F, BW, CD, DQ, VL */
  FARO_ABI_CPU_X86_64_V4_AMD = 7,    /* the same, and AMD */
  FARO_ABI_CPU_HOST = 100            /* compiled in this process for this very machine */
} faro_abi_cpu_level;

typedef struct faro_abi_kernel_set {
  const char *target; /* for people: "x86-64-v4" */
  uint32_t level;     /* faro_abi_cpu_level */
  uint32_t kernel_count;
  const faro_abi_kernel *kernels;
} faro_abi_kernel_set;

/* Kernels for CUDA devices, as their driver takes them: functions of the same names as the kernels of each kernel set,
 * but for those that are nothing but a stage's streaming_kernel. A cubin runs on devices of its architecture's major
 * version and of the same or a higher minor one (sm_90: 9.0), PTX on devices of its architecture and all later ones. A
 * launch may have any number of blocks and of threads: kernels spread tokens over blocks and a row over threads. */
typedef enum faro_abi_image_format {
  FARO_ABI_CUBIN = 1,
  FARO_ABI_PTX = 2 /* text, zero-terminated */
} faro_abi_image_format;

/* An image for sm_90 or later may also hold NAME FARO_ABI_BULK_SUFFIX for a push: the same by bulk copies, for which
 * few multiprocessors are enough. */
#define FARO_ABI_BULK_SUFFIX "_bulk"

/* And NAME FARO_ABI_RESIDENT_SUFFIX for any push: a faro_abi_resident_push_fn, which waits for pushes that are asked
 * for while it runs, one after another, rather than being launched for each. */
#define FARO_ABI_RESIDENT_SUFFIX "_resident"
#define FARO_ABI_QUEUE_ENTRIES 256u /* a power of two */

/* A push: the arguments of a faro_abi_push_fn. */
typedef struct faro_abi_queue_entry {
  uint64_t source;
  int64_t source_stride;
  uint64_t offsets, destinations;
  int64_t begin, end;
  uint64_t reserved[2];
} faro_abi_queue_entry;

/* Pushes that a host asks for, in order: number n (from 0) is in entries[n % FARO_ABI_QUEUE_ENTRIES]. The host fills it
 * in, then stores n + 1 in `posted` (release). It may use the place again when all blocks have done the push before. */
typedef struct faro_abi_push_queue {
  uint64_t posted;
  uint64_t leave; /* launches up to this one end when they have done what is posted */
  uint64_t reserved[6];
  faro_abi_queue_entry entries[FARO_ABI_QUEUE_ENTRIES];
} faro_abi_push_queue;

/* Of a block of a resident push; written by it, in zeros at first. */
typedef struct faro_abi_block_state {
  uint64_t done; /* pushes of which it has done its part: those rows are there, for whoever has read this (acquire) */
  uint64_t left; /* the last launch in which it has ended */
} faro_abi_block_state;

/* `states`: one a block. All launches of a queue have the same number of blocks, and each ends before the next begins.
 * A block that has waited for `linger` nanoseconds for a push ends, as when it is told to leave: it may end while a
 * push is posted, which is then the next launch's. So `launch` counts up, from 1. */
typedef void (*faro_abi_resident_push_fn)(const faro_abi_push_queue *queue, faro_abi_block_state *states,
                                          uint64_t launch, uint64_t linger);

typedef struct faro_abi_image {
  const char *target;    /* for people: "cuda:sm_90" */
  uint32_t format;       /* faro_abi_image_format */
  uint32_t architecture; /* 90 for sm_90 */
  const uint8_t *data;
  uint64_t size; /* without the zero behind PTX */
} faro_abi_image;

typedef struct faro_abi_module {
  uint32_t magic;
  uint32_t version;
  /* sizeof of the structures as the compiler knew them. */
  uint32_t module_size, program_size, schedule_size, ring_size, stage_size, kernel_set_size;
  const char *producer; /* "faroc 0.1.0, LLVM 22.1.8" */
  /* The program as it was written, and the SHA-256 of these bytes. */
  const char *spec_text;
  uint64_t spec_size;
  uint8_t spec_sha256[32];
  faro_abi_mesh mesh;
  uint32_t program_count;
  uint32_t kernel_set_count;
  const faro_abi_program *programs;
  const faro_abi_kernel_set *kernel_sets; /* each holds the same kernels under the same indices */
  uint32_t image_count, reserved;
  const faro_abi_image *images;
} faro_abi_module;

#ifdef __cplusplus
}
#endif
#endif
