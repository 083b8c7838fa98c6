/*
 * The module ABI: the one header that the compiler and the runtime share.
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
#define FARO_ABI_VERSION 3u
#define FARO_ABI_SYMBOL "faro_module"

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
  FARO_ABI_STAGE_SETTLE = 11 /* pull kernels: tokens as PULL sums them, as far as this rank's FAN_OUT has stored all of
                              * their partial rows */
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
  uint32_t streaming_kernel; /* the same with stores past the cache, or FARO_ABI_NO_KERNEL */
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
 */
typedef void (*faro_abi_push_fn)(const void *src, int64_t src_stride, const uint32_t *offsets, const uint64_t *dst,
                                 int64_t begin, int64_t end);

/*
 * Pull: for each token t of [begin, end), out[t] = round(sum over i in [offsets[t], offsets[t + 1]) of
 * weights[i] x row(rows[i])), in f32: each product is rounded, then added, in the order of i, starting from +0. A NaN
 * result is the one quiet NaN with sign 0 and payload 0 (0x7fc0 in bf16). Rows are read up to row.stride bytes. `rows`
 * holds at least FARO_ABI_MAX_TOPK valid addresses behind offsets[end]: the kernel prefetches through them. The
 * streaming form needs `out` and out_stride to be multiples of 64, stores whole lines past the cache and a last,
 * partial one plainly, and ends with a store fence. Both store row.bytes bytes a row, whatever lies between rows; the
 * plain form at any alignment.
 */
typedef void (*faro_abi_pull_fn)(void *out, int64_t out_stride, const uint32_t *offsets, const uint64_t *rows,
                                 const float *weights, int64_t begin, int64_t end);

typedef struct faro_abi_kernel {
  const char *name;
  void (*entry)(void); /* a faro_abi_push_fn or a faro_abi_pull_fn, by the stage that names it */
} faro_abi_kernel;

/* What a processor must have to run a kernel set. Higher levels include lower ones. */
typedef enum faro_abi_cpu_level {
  FARO_ABI_CPU_X86_64 = 1,    /* any x86-64 */
  FARO_ABI_CPU_X86_64_V3 = 3, /* AVX2, FMA, F16C, BMI2 */
  FARO_ABI_CPU_X86_64_V4 = 4, /* AVX-512 F, BW, CD, DQ, VL */
  FARO_ABI_CPU_HOST = 100     /* compiled in this process for this very machine */
} faro_abi_cpu_level;

typedef struct faro_abi_kernel_set {
  const char *target; /* for people: "x86-64-v4" */
  uint32_t level;     /* faro_abi_cpu_level */
  uint32_t kernel_count;
  const faro_abi_kernel *kernels;
} faro_abi_kernel_set;

/* Kernels for CUDA devices, as their driver takes them: functions of the same names as the kernels of each kernel set.
 * A cubin runs on devices of its architecture's major version and of the same or a higher minor one (sm_90: 9.0), PTX
 * on devices of its architecture and all later ones. A launch may have any number of blocks and of threads: kernels
 * spread tokens over blocks and a row over threads. */
typedef enum faro_abi_image_format {
  FARO_ABI_CUBIN = 1,
  FARO_ABI_PTX = 2 /* text, zero-terminated */
} faro_abi_image_format;

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
