/*
 * Faro's C API: what the C++ API does, for everybody else. (Ranks as threads, observers of stages, the sources of rows
 * and the parts of a device's dispatch, enqueuePlan and enqueuePush, are the C++ API's alone.)
 *
 *   faro_comm ─┐
 *              ├─► faro_session ─► faro_prepare ─► faro_dispatch ─► (experts) ─► faro_combine
 *   faro_module┘
 *
 * Every function that can fail returns a faro_status; faro_last_error() then says what happened, where, and what to do.
 * Objects are used by one thread at a time. "Collective" calls are made by all ranks in the same order. Objects may be
 * destroyed in any order: each keeps what it needs. Outputs are written on FARO_OK only, but for the rows of a combine,
 * which may then hold some of its sums.
 *
 * Errors. FARO_INVALID_ARGUMENT and FARO_NOT_FOUND are the caller's; FARO_DATA_LOSS, FARO_VERSION_MISMATCH and
 * FARO_PERMISSION_DENIED a file's; FARO_UNAVAILABLE and FARO_OUT_OF_MEMORY the machine's; FARO_INTERNAL ours;
 * FARO_PEER_FAILED, FARO_ABORTED and FARO_DEADLINE_EXCEEDED are of other ranks that died, gave up, or did not come
 * within FARO_TIMEOUT seconds (60), which bounds every wait. A session's call that fails ends its communicator on all
 * ranks: their calls fail, too, and so do later ones, of all its sessions. Ranks that want to go on destroy what they
 * have and make a new communicator. All goes on after faro_received_of and faro_session_after, and after an argument
 * that is null or a program that is not there or of the other kind, which are found before anybody is told. x, y,
 * weights and out of a call that failed are the caller's again when it returns, or where rows are on a device, once the
 * session is destroyed, which waits for it.
 */
#ifndef FARO_FARO_H
#define FARO_FARO_H

#include "faro/transport.h" /* faro_status */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FARO_API __attribute__((visibility("default")))
#else
#define FARO_API
#endif

typedef struct faro_comm faro_comm;
typedef struct faro_module faro_module;
typedef struct faro_session faro_session;
typedef struct faro_plan faro_plan;

/* The calling thread's last error, or "". Valid until its next call. */
FARO_API const char *faro_last_error(void);
/* "OK", "INVALID_ARGUMENT", ... */
FARO_API const char *faro_status_name(uint32_t status);
/* "0.1.0": of the library, which may be a later one than this header's. */
FARO_API const char *faro_version(void);

/* Collective. Meets the other ranks of the job, as told by the environment of torchrun, Open MPI, Slurm or PMI. */
FARO_API faro_status faro_comm_create(faro_comm **out);
/* Who this rank is and where the others are, where no launcher's environment says it: some ranks of a job, as those
 * that share experts, number themselves from 0 and meet at a port of their own. What is 0 or null is what
 * FARO_TRANSPORT, FARO_TIMEOUT, FARO_NICS and FARO_JOB_SECRET in the environment say. */
typedef struct faro_comm_options {
  uint32_t struct_size; /* sizeof(faro_comm_options): fields that a caller does not know of are 0 */
  uint32_t rank, world_size;
  int32_t node;               /* the one that this rank is on; -1 on all ranks: by the machine that they are on */
  const char *master_address; /* where rank 0 listens; null: 127.0.0.1 */
  uint32_t master_port;       /* the same on all ranks; needed where there are others */
  uint32_t reserved;
  const char *job_secret; /* strangers without it cannot join; null: the user's own, on one machine */
  const char *transport;
  double nics;         /* network cards that carry this rank's rows */
  uint64_t timeout_ns; /* for every wait */
} faro_comm_options;
/* Collective among these ranks. Options: null as faro_comm_create. */
FARO_API faro_status faro_comm_create_with(const faro_comm_options *options, faro_comm **out);
FARO_API uint32_t faro_comm_rank(const faro_comm *comm);
FARO_API uint32_t faro_comm_size(const faro_comm *comm);
/* Nodes of the job, numbered by their smallest rank, and the one that this rank is on. */
FARO_API uint32_t faro_comm_nodes(const faro_comm *comm);
FARO_API uint32_t faro_comm_node(const faro_comm *comm);
/* Collective. Returns when all ranks are here. */
FARO_API faro_status faro_comm_barrier(faro_comm *comm);
/* FARO_OK, or how the job has failed: FARO_PEER_FAILED, FARO_ABORTED. Waits for nobody, but for half a second at most
 * when this rank is the first to know, which it tells the others. */
FARO_API faro_status faro_comm_check(faro_comm *comm);
/* Tells every rank that this one gives up, and why: their calls end with FARO_ABORTED and these words, this rank's next
 * ones, too. `code`: a faro_status other than FARO_OK. */
FARO_API faro_status faro_comm_abort(faro_comm *comm, uint32_t code, const char *why);
/* Leaves the job. Where nothing has failed it waits for what this rank sent to go out, and for the others to be done:
 * up to 10 seconds each. Null is fine, as for all destroy functions. */
FARO_API void faro_comm_destroy(faro_comm *comm);

/* A shared library made by faroc. */
FARO_API faro_status faro_module_load(const char *path, faro_module **out);
/* A spec, compiled just in time. `name` appears in diagnostics. */
FARO_API faro_status faro_module_compile(const char *text, size_t size, const char *name, faro_module **out);
/* The same for a CUDA device, as the driver counts those that this process may use: kernels for sessions with rows
 * there. -1: as faro_module_compile. */
FARO_API faro_status faro_module_compile_for(const char *text, size_t size, const char *name, int cuda_device,
                                             faro_module **out);
typedef enum faro_wire {
  FARO_WIRE_UNSAID = 0, /* tcp; needed where a spec holds schedules, which have their slices */
  FARO_WIRE_TCP = 1,
  FARO_WIRE_RDMA = 2
} faro_wire;
/* For this processor, or for a device, by its number or its architecture: what a session needs whose rows are there,
 * and whatever else is asked for, which takes its time. And for a wire. */
typedef struct faro_compile_targets {
  uint32_t struct_size;       /* sizeof(faro_compile_targets): fields that a caller does not know of are 0 */
  int32_t cuda_device;        /* -1: none */
  uint32_t cuda_architecture; /* instead of a device, which need not be there: 90 for sm_90. 0: none */
  uint32_t planning;          /* 1: kernels that faro_shuffle_create needs */
  uint32_t bulk_copies;       /* 1: pushes that a session takes with cuda_multiprocessors, from sm_90 on */
  uint32_t host;              /* 1: kernels for this machine's processor, for sessions with rows in host memory */
  uint32_t wire;              /* faro_wire: what is between nodes, the same on all ranks. Slices are chosen for it */
  uint32_t resident_pushes;   /* 1: pushes that wait for slices, which sessions take with FARO_PUSHES=resident */
} faro_compile_targets;
FARO_API faro_status faro_module_compile_with(const char *text, size_t size, const char *name,
                                              const faro_compile_targets *targets, faro_module **out);
FARO_API void faro_module_destroy(faro_module *module);
typedef enum faro_op { FARO_DISPATCH = 0, FARO_COMBINE = 1 } faro_op;
typedef struct faro_program {
  const char *name;    /* the module's */
  const char *element; /* "bf16", "f16", "f32" */
  uint64_t row_bytes;  /* of a row, */
  uint64_t row_stride; /* and from row to row in memory of Faro's */
  uint64_t experts;    /* of all ranks */
  uint64_t align;      /* groups of received rows are filled up to multiples of so many */
  uint32_t topk;
  uint32_t op; /* faro_op */
} faro_program;
/* `name`: a program of the module; null: the only one with that operation. `op`: a faro_op. `size`:
 * sizeof(faro_program), as the caller's header has it. */
FARO_API faro_status faro_program_of(const faro_module *module, const char *name, uint32_t op, faro_program *out,
                                     size_t size);

/* Collective. */
FARO_API faro_status faro_session_create(faro_comm *comm, faro_module *module, faro_session **out);
/* Where a session's rows are. */
typedef struct faro_session_options {
  uint32_t struct_size; /* sizeof(faro_session_options): fields that a caller does not know of are 0 */
  /* A CUDA device, as the driver counts those that this process may use; -1: the host. x, y, out and the memory of
   * faro_received and faro_expert_rows are then the device's; topk_idx and weights stay in host memory. Rows of the
   * caller begin and lie apart at multiples of 32 bytes, or of the largest power of two that divides a row's size. */
  int32_t cuda_device;
  uint32_t cuda_multiprocessors; /* that kernels may fill; 0: all */
  /* CUstream or cudaStream_t of the device's primary context, kept by the caller: kernels run behind what it holds when
   * a call is made. Null: a stream of the session's own. */
  void *cuda_stream;
} faro_session_options;
/* Collective. Options: null as faro_session_create. */
FARO_API faro_status faro_session_create_with(faro_comm *comm, faro_module *module, const faro_session_options *options,
                                              faro_session **out);
FARO_API void faro_session_destroy(faro_session *session);

/* For rows on a device: later calls, and peers in them, touch this rank's rows behind what the event (CUevent,
 * cudaEvent_t) is behind, in whichever stream it was recorded: what makes x or y, or still reads received rows. Waits
 * for nothing; the event may be recorded again or destroyed at once, but must come: the session's end waits for it. Not
 * while a call is under way. An error does not end the session. */
FARO_API faro_status faro_session_after(faro_session *session, void *cuda_event);

/* Collective. topk_idx: [tokens, topk] row-major, -1 drops a choice. `program` names a dispatch of the module; null:
 * the only one. */
FARO_API faro_status faro_prepare(faro_session *session, const char *program, const int64_t *topk_idx, int64_t tokens,
                                  faro_plan **out);
FARO_API int64_t faro_plan_tokens(const faro_plan *plan);
/* Rows this rank receives, padding included. */
FARO_API int64_t faro_plan_rows(const faro_plan *plan);
/* What a dispatch of it will say, before there is one: where each local expert's rows begin ([local_experts + 1], or
 * null when the layout is not expert-first), and how many it has ([local_experts], without padding). Both belong to the
 * plan. Any of the three may be null. */
FARO_API faro_status faro_plan_experts(const faro_plan *plan, const int64_t **expert_offsets,
                                       const int64_t **expert_counts, int64_t *local_experts);
FARO_API void faro_plan_destroy(faro_plan *plan);

typedef struct faro_received {
  void *data;     /* belongs to the session; valid until its next dispatch, or a faro_reserve that needs more */
  int64_t rows;   /* padding included */
  int64_t stride; /* bytes from row to row */
  const int64_t *expert_offsets; /* [local_experts + 1], or null when the layout is not expert-first */
  const int64_t *expert_counts;  /* [local_experts]; both belong to the plan */
  int64_t local_experts;
} faro_received;

/* Collective. x: [tokens] rows, x_stride bytes apart, anywhere but in received rows. */
FARO_API faro_status faro_dispatch(faro_session *session, const faro_plan *plan, const void *x, int64_t x_stride,
                                   faro_received *out);

/* Collective. Memory for expert outputs, `faro_plan_rows` rows, which combine reads in place. Belongs to the session;
 * valid until the next faro_expert_rows, and until a combine for which this rank's rows lie elsewhere, or of another
 * plan for which some rank's do.
 */
FARO_API faro_status faro_expert_rows(faro_session *session, const faro_plan *plan, void **data, int64_t *stride);

/* Collective. out[t] = sum over k of weights[t][k] x y[row of (t, k)]. y: faro_plan_rows rows in the order of the
 * dispatch; read in place when it is memory of faro_expert_rows or of faro_dispatch, copied first otherwise. That rows
 * there belong to another plan is found out; of rows in the caller's own memory, plan and number are the caller's word.
 * weights: [tokens, topk]. `program` names a combine of the module; null: the only one. */
FARO_API faro_status faro_combine(faro_session *session, const char *program, const faro_plan *plan, const void *y,
                                  int64_t y_stride, const float *weights, void *out, int64_t out_stride);

/*
 * The same in halves, so that the caller can compute in between. A post waits for nobody but where memory has to be
 * made first: for a dispatch that is the first of its size, for a combine across nodes that is (faro_reserve does both
 * ahead), and for a combine whose rows lie elsewhere than faro_expert_rows says; so posts of several sessions are made
 * in the same order on all ranks. A posted call is under way until faro_wait returns, or faro_test says that
 * it is over; until then nothing else of the session may be called, and x, y, weights and out must stay as they are.
 * Who has calls of several sessions under way waits for them in the same order on all ranks, or asks faro_test of each
 * by turns. A posted dispatch leaves its rows in faro_received_of, which refuses any other plan than that of the last
 * dispatch.
 */
FARO_API faro_status faro_post_dispatch(faro_session *session, const faro_plan *plan, const void *x, int64_t x_stride);
FARO_API faro_status faro_post_combine(faro_session *session, const char *program, const faro_plan *plan, const void *y,
                                       int64_t y_stride, const float *weights, void *out, int64_t out_stride);
/* Does what has become possible without waiting for anybody; *over is 1 when the call is over. */
FARO_API faro_status faro_test(faro_session *session, int *over);
FARO_API faro_status faro_wait(faro_session *session);
FARO_API faro_status faro_received_of(faro_session *session, const faro_plan *plan, faro_received *out);

/* Collective. Makes the shared memory that dispatches of this plan, and what undoes them, need; the first of them would
 * make it otherwise. What an
 * earlier dispatch received may be gone, and must be given to no combine. */
FARO_API faro_status faro_reserve(faro_session *session, const faro_plan *plan);

/*
 * Shuffles that are planned on CUDA devices (faro/device_shuffle.h says all there is to say of each call). Pointers are
 * the device's memory, but for options and what `out` is; `stream` is a CUstream or cudaStream_t of the device's
 * primary context. faro_shuffle_dispatch and faro_shuffle_combine put kernels into it and wait for nothing, so that it
 * can be captured.
 */
typedef struct faro_shuffle faro_shuffle;
typedef struct faro_shuffle_options {
  uint32_t struct_size;          /* sizeof(faro_shuffle_options) */
  int32_t cuda_device;           /* as the driver counts those that this process may use */
  const char *dispatch;          /* a program of the module; null: the only one */
  const char *combine;           /* the same; null: the only one, or none where there is none */
  int64_t most_tokens;           /* of this rank in a dispatch */
  int64_t most_rows;             /* that any rank receives, padding included; the same on all ranks */
  uint32_t cuda_multiprocessors; /* that push and pull may fill; 0: all */
  uint32_t in_place;             /* 1: experts leave their results where received rows are */
} faro_shuffle_options;
typedef struct faro_shuffle_memory {
  void *received, *expert_rows;                  /* [most_rows] rows */
  int64_t rows, stride;                          /* most_rows; bytes from row to row */
  const int64_t *expert_offsets, *expert_counts; /* [local_experts + 1], [local_experts] */
  int64_t local_experts;
} faro_shuffle_memory;
/* Collective, on one node. */
FARO_API faro_status faro_shuffle_create(faro_comm *comm, faro_module *module, const faro_shuffle_options *options,
                                         faro_shuffle **out);
FARO_API faro_status faro_shuffle_memory_of(const faro_shuffle *shuffle, faro_shuffle_memory *out);
/* topk_idx: [rows, topk]; x: [rows] rows, x_stride bytes apart. `tokens`: null, or how many of the rows are tokens. */
FARO_API faro_status faro_shuffle_dispatch(faro_shuffle *shuffle, void *stream, const int64_t *topk_idx, const void *x,
                                           int64_t rows, int64_t x_stride, const int64_t *tokens);
/* weights: [rows, topk]; out: [rows] rows, as many as the dispatch before had. */
FARO_API faro_status faro_shuffle_combine(faro_shuffle *shuffle, void *stream, const float *weights, void *out,
                                          int64_t rows, int64_t out_stride);
/* Waits for the stream, and says what went wrong in it. */
FARO_API faro_status faro_shuffle_status(faro_shuffle *shuffle, void *stream);
FARO_API void faro_shuffle_destroy(faro_shuffle *shuffle);

/* What a session's calls did on this rank since it was made. */
typedef struct faro_statistics {
  uint64_t prepares, dispatches, combines;
  uint64_t prepare_ns, dispatch_ns, combine_ns; /* time within these calls, faro_test and faro_wait included */
  uint64_t window_growths;                      /* how often shared memory was made anew */
  uint64_t window_bytes;                        /* shared memory held now */
  uint64_t staged_bytes; /* of rows that combine copied because they did not lie in shared memory */
  /* Between nodes. Rows: of tokens (dispatch) and of partial sums (combine). */
  uint64_t slices, slices_received;
  uint64_t wire_rows, wire_rows_received;
  uint64_t wire_bytes, wire_bytes_received; /* of slices, headers included */
  uint64_t moved_rows;                      /* handed to another rank of the node, whose rail had room */
  uint64_t credit_wait_ns;                  /* in waits: a slice was ready, and no slot on the other side */
  uint64_t settled_tokens;                  /* summed in combines before the last partial row had come */
  uint64_t wire_device_bytes;               /* of wire_bytes: sent from the memory of a device */
  uint64_t whole_slices;    /* of slices_received: read where the transport had them, without their slots */
  uint64_t resident_pushes; /* done by a kernel that was there, waiting for them (FARO_PUSHES=resident) */
} faro_statistics;

/* `size` is sizeof(faro_statistics) as the caller knows it: fields are only ever added at the end. */
FARO_API faro_status faro_session_statistics(const faro_session *session, faro_statistics *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
