// Running a module's programs on a communicator.
//
//   topk_idx ─► prepare ─► Plan (counts exchanged, every item's final row known)
//   tokens   ─► dispatch ─► Received (rows of this rank's experts, in the program's layout)
//   rows     ─► combine  ─► tokens (weighted sums)
#pragma once

#include "faro/communicator.h"
#include "faro/module.h"

#include <functional>
#include <memory>
#include <span>

namespace faro {

/// topk_idx of this rank, [tokens, topk] row-major; -1 drops a choice.
struct TopkIdx {
  const int64_t *data = nullptr;
  int64_t tokens = 0;
};

/// Rows in the caller's memory, `stride` bytes apart.
struct ConstRows {
  const void *data = nullptr;
  int64_t rows = 0;
  int64_t stride = 0;
};
struct Rows {
  void *data = nullptr;
  int64_t rows = 0;
  int64_t stride = 0;
};

/// Where an item came from; all -1 on padding rows.
struct Source {
  int64_t rank, token, choice;
};

/// What prepare found out about one batch. Immutable; usable for any number of dispatches and combines of the session
/// that made it. It stands for everybody's routing: ranks that give plans of different prepares to one call, or combine
/// rows in the session's memory that another plan dispatched, get an error.
class Plan;

/// Rows of this rank's experts. The memory belongs to the session and is valid until its next dispatch, or a `reserve`
/// that needs more.
struct Received {
  Rows rows;                              ///< padding included
  std::span<const int64_t> expertOffsets; ///< the plan's; local experts + 1; empty when the layout is not expert-first
  std::span<const int64_t> expertCounts;  ///< the plan's; rows of each local expert, without padding
};

/// Nanoseconds and bytes since the session was made.
struct SessionStatistics {
  uint64_t prepares = 0, dispatches = 0, combines = 0;
  uint64_t prepareNs = 0, dispatchNs = 0, combineNs = 0;
  uint64_t windowGrowths = 0;
  uint64_t windowBytes = 0; ///< symmetric memory held now
  uint64_t stagedBytes = 0; ///< copied because the caller's rows did not lie in mapped memory

  // What this rank did between nodes. Rows: of tokens (dispatch) and of partial sums (combine).
  uint64_t slices = 0, slicesReceived = 0;
  uint64_t wireRows = 0, wireRowsReceived = 0;
  uint64_t wireBytes = 0, wireBytesReceived = 0; ///< of slices, headers included
  uint64_t movedRows = 0;                        ///< handed to another rank of the node, whose rail had room
  uint64_t creditWaitNs = 0;                     ///< in waits (not `test`): a slice was ready, and no slot there
  uint64_t settledTokens = 0;                    ///< summed in combines before the last partial row had come
  uint64_t wholeSlices = 0;     ///< of slicesReceived: read where the transport had them, without their slots
  uint64_t residentPushes = 0;  ///< launched once for many of them (FARO_PUSHES=resident)
  uint64_t wireDeviceBytes = 0; ///< of wireBytes: sent from the device's memory; rows else go by pinned host memory
};

/// When a stage of a schedule did some of its work. The names are the module's.
struct StageTime {
  const char *schedule; ///< its xfer.program
  const char *stage;
  uint32_t resource;       ///< faro_abi_resource
  uint64_t beginNs, endNs; ///< std::chrono::steady_clock; of an await, for as long as only others kept it waiting
  int64_t slice = -1;      ///< of the flow, in this call; -1: the stage fires once
  uint32_t peer = 0;       ///< the other end of the flow
};
/// Called when the work is done, on the thread that makes the session's calls; it must make none, and not throw.
using StageObserver = std::function<void(const StageTime &)>;

/// Where a session's rows are, and who looks on.
struct SessionOptions {
  /// A CUDA device, as the driver counts those that this process may use; -1: the host. What the thread has current is
  /// left as it was. On a device, x, y and out are
  /// its memory, and so are Received::rows and expertRows; topk_idx and weights stay in host memory. Rows of the user
  /// begin, and lie apart, at multiples of 32 bytes, or of the largest power of two that divides a row's size where
  /// that is less. Calls return when the device is done. All ranks are on devices, or none.
  int cudaDevice = -1;
  /// How many of the device's multiprocessors the kernels may fill: what is left is free for kernels that run beside
  /// them. 0: all.
  uint32_t cudaMultiprocessors = 0;
  /// A stream (CUstream, cudaStream_t) of the device's primary context, which the caller keeps for as long as the
  /// session. Kernels of this rank and its peers touch rows behind what it holds when a call is made (whatever makes x
  /// or y, or still reads received rows), and nobody has to wait for that on the host. Null: a stream of the session's
  /// own; x and y are then complete when a call is made.
  void *cudaStream = nullptr;
  /// Is told what the stages of dispatches and combines do, and when. Null: nobody, and nothing is measured.
  StageObserver onStage = nullptr;
};

/// One module on one communicator, on one node or several. One thread at a time. Collective calls must be made by all
/// ranks in the same order. FARO_BALANCER (static, fusco, blend) and FARO_CHECK=1 in the environment must be the same
/// on all ranks: who carries rows between nodes, and whether each plan is checked against everybody else's (slow); so
/// must FARO_SLOTS (device, pinned): where rows wait for the wire. A call that fails tells the other ranks, whose calls
/// then fail too (ABORTED), and so do later ones: the communicator is over, with all of its sessions. Ranks that want
/// to go on destroy what they have and make a new communicator. x, y, weights and out of a call that failed are the
/// caller's again when it returns, or where rows are on a device, once the session is destroyed.
///
/// Errors of any collective call, beside those that it names: PEER_FAILED, ABORTED (another rank's error, with its
/// message), DEADLINE_EXCEEDED (a rank did not come, or is on another node and in another call), INVALID_ARGUMENT
/// (ranks of a node in different calls, or with plans of different batches; a plan that is null or another session's; a
/// call while another is under way) and OUT_OF_MEMORY.
class Session {
public:
  /// Collective. Errors: INVALID_ARGUMENT when the ranks do not fit the module's mesh or placement, or have different
  /// modules or settings, after which the communicator goes on; UNAVAILABLE when there is no such device, or nothing of
  /// the module runs on it, and others of one rank alone, which end it.
  static Expected<std::unique_ptr<Session>> create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module,
                                                   const SessionOptions &options = {});
  /// In the middle of a call, that ends the communicator. Waits for the device, and up to a second for the wire.
  virtual ~Session() = default;

  /// Collective. Exchanges counts (in shared memory, and one message to each other node) and computes the final row of
  /// every item, in O(tokens x topk + ranks x experts) time and memory.
  /// `program` is a dispatch of the module. Errors: INVALID_ARGUMENT for an expert outside [-1, experts).
  virtual Expected<std::shared_ptr<const Plan>> prepare(const faro_abi_program &program, TopkIdx topkIdx) = 0;

  /// Collective. Makes the shared memory that dispatches of this plan and combines that undo them need, unless it is
  /// there already. They do so by themselves; this is for callers who want the cost of new memory elsewhere. New memory
  /// takes the place of the old: rows that an earlier dispatch received are gone, and must be given to no combine. Nor
  /// to one after a later dispatch; that is found out where the memory has stayed the session's.
  virtual Status reserve(const std::shared_ptr<const Plan> &plan) = 0;

  /// Collective. Moves the tokens to the ranks of their experts. x.rows must be the plan's tokens, and lie anywhere but
  /// in received rows. Errors: INVALID_ARGUMENT for rows that are not so, or do not lie as a device needs them.
  Expected<Received> dispatch(const std::shared_ptr<const Plan> &plan, ConstRows x);

  /// Collective. Brings results back: out[t] = sum over k of weights[t][k] x row of item (t, k). `y` are this rank's
  /// rows in the order of Received (padding included): either memory of `expertRows` or `Received::rows`, which is read
  /// in place, or any other of the caller's, which costs one copy. `weights` is [tokens, topk]; that of a dropped
  /// choice is ignored. Errors: INVALID_ARGUMENT for a program that does not undo the plan's, for numbers of rows or
  /// strides other than the plan's, and for rows in the session's memory that are not this plan's.
  Status combine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                 const float *weights, Rows out);

  /// The same in halves, so that the caller can compute in between. `post` tells the others that this rank is ready and
  /// does what needs nobody else, but where memory has to be made first it waits for the ranks of the node: for a
  /// dispatch that is the first of its size, for a combine across nodes that is (see reserve), and for a combine of
  /// rows that lie elsewhere than expertRows says, so posts of several sessions are made in the same order, too; `test`
  /// does what has become possible, without waiting for anybody, and says whether the call is over; `wait` returns when
  /// it is. Who has calls of several sessions under way waits for them in the same order on all ranks, or asks `test`
  /// of each by turns. One call is under way at a time, and nothing else of the session may be called until it is over;
  /// x, y, weights and out must stay as they are. After a dispatch, `received` has its rows (INVALID_ARGUMENT for any
  /// other plan than the last dispatch's; that does not end the session).
  virtual Status postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) = 0;
  virtual Status postCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                             const float *weights, Rows out) = 0;
  virtual Expected<bool> test() = 0;
  virtual Status wait() = 0;
  virtual Expected<Received> received(const std::shared_ptr<const Plan> &plan) const = 0;

  /// For rows on a device: later calls, and peers in them, touch this rank's rows behind what the event (CUevent,
  /// cudaEvent_t) is behind, in whichever stream it was recorded: what makes x or y, or still reads received rows.
  /// Waits for nothing; the event may be recorded again or destroyed at once. One that never comes is a call's
  /// time-out, and holds up the end of the session, for the device's memory cannot be freed before. Errors, none of
  /// which ends the session: INVALID_ARGUMENT (null; rows in host memory; a call is under way), INTERNAL (the driver's,
  /// with its words).
  virtual Status after(void *cudaEvent) = 0;

  /// Collective, after prepare: memory for this rank's expert outputs of that plan, where combine reads them without a
  /// copy. Belongs to the session; valid until the next call of expertRows, and until a combine for which this rank's
  /// rows lie elsewhere, or of another plan for which some rank's do.
  virtual Expected<Rows> expertRows(const std::shared_ptr<const Plan> &plan) = 0;

  /// Collective, after prepare: where each received row came from. For tools and tests; costs 16 bytes an item.
  virtual Expected<std::vector<Source>> sources(const std::shared_ptr<const Plan> &plan) = 0;

  virtual const SessionStatistics &statistics() const = 0;
};

/// Facts of a plan for its maker.
int64_t planTokens(const Plan &plan);
/// Rows this rank receives, padding included.
int64_t planRows(const Plan &plan);
/// As in Received, before there is a dispatch.
std::span<const int64_t> planExpertOffsets(const Plan &plan);
std::span<const int64_t> planExpertCounts(const Plan &plan);

} // namespace faro
