// Shuffles that are planned on CUDA devices: the host launches kernels and waits for nothing.
//
//   topk_idx, x ─► enqueueDispatch ─► received, expertOffsets, expertCounts ─► (experts) ─► enqueueCombine ─► out
//                  = enqueuePlan, enqueuePush
//
// Everything is in the devices' memory, and nothing that is launched depends on what is in it. So a dispatch, the
// experts and a combine can be captured in a CUDA graph, and each replay shuffles what its inputs hold then.
#pragma once

#include "faro/session.h"

namespace faro {

/// What a shuffle is made for. Ranks may differ in cudaDevice, cudaMultiprocessors and mostTokens.
struct DeviceShuffleOptions {
  const faro_abi_program *dispatch = nullptr; ///< of the module; null: the only one
  const faro_abi_program *combine = nullptr;  ///< of the same rows, layout and routes, or null: no combines
  int cudaDevice = 0;                         ///< as the driver counts those that this process may use
  uint32_t cudaMultiprocessors = 0;           ///< that push and pull may fill; 0: all
  int64_t mostTokens = 0;                     ///< of this rank in a dispatch
  /// Rows that a rank can receive, padding included, and that its windows are made for. A dispatch in which any rank
  /// has more moves nothing on any rank, and status() says so. Enough for anything: all ranks' tokens x topk, and align
  /// - 1 for each expert.
  int64_t mostRows = 0;
  /// Experts leave their results where `received` are: expertRows is the same memory.
  bool inPlace = false;
};

/// A dispatch program on the devices of one node's ranks (threads of a process on one device, processes on any). One
/// thread at a time. All ranks must put the same calls into their streams in the same order; a rank that another waits
/// for in vain for the communicator's time-out ends the shuffle on all. Ranks on one device need streams that run side
/// by side, for kernels wait for each other: streams of their own, none of them the legacy default stream, and no more
/// of them in a process than CUDA_DEVICE_MAX_CONNECTIONS says when the driver starts (8 unless it is set, 32 at most).
/// While ranks that share a device shuffle, nobody allocates or frees its memory, nor makes a captured graph ready to
/// be launched (cuGraphInstantiate): that may wait for all kernels.
class DeviceShuffle {
public:
  /// Collective. Allocates everything, on all ranks before it returns on any. Errors: INVALID_ARGUMENT (options; ranks
  /// that differ in the spec, the programs, mostRows or inPlace), UNAVAILABLE (no such device; several nodes; the
  /// program's rows are not ordered by expert, source, token; the module was compiled without a CUDA target, or just in
  /// time without CompileTargets::planning), OUT_OF_MEMORY.
  static Expected<std::unique_ptr<DeviceShuffle>> create(std::shared_ptr<Communicator> communicator,
                                                         std::shared_ptr<const Module> module,
                                                         const DeviceShuffleOptions &options);
  /// What is in the streams must be done, on all ranks.
  virtual ~DeviceShuffle() = default;

  /// Puts a dispatch into a stream (CUstream, cudaStream_t) of the device's primary context. `topkIdx`: [x.rows, topk]
  /// row-major, -1 drops a choice; x: as many rows as mostTokens or fewer, which begin and lie apart at multiples of 32
  /// bytes, or of the largest power of two that divides a row's size where that is less. `tokens`: null, or a word that
  /// says how many of the rows are tokens. All are the device's memory, read when the stream comes to it. Behind the
  /// dispatch the stream finds `received`, expertOffsets and expertCounts complete. Errors: INVALID_ARGUMENT, INTERNAL
  /// (the driver's, with its words).
  virtual Status enqueueDispatch(void *stream, const int64_t *topkIdx, ConstRows x,
                                 const int64_t *tokens = nullptr) = 0;

  /// A dispatch in two, for callers who have topk_idx before x, or who want to see a time of each. enqueuePlan finds
  /// where rows go (`rows`: those of x that will follow), enqueuePush moves them; other ranks may write `received` from
  /// the first on. No other call of the shuffle may come between the two. Errors: as of enqueueDispatch, and
  /// INVALID_ARGUMENT out of order.
  virtual Status enqueuePlan(void *stream, const int64_t *topkIdx, int64_t rows, const int64_t *tokens = nullptr) = 0;
  virtual Status enqueuePush(void *stream, ConstRows x) = 0;

  /// The same for the way back: out[t] = sum over k of weights[t][k] x expertRows[row of (t, k)], for the tokens of the
  /// dispatch before, and zeros for its other rows. `weights`: [out.rows, topk], f32. expertRows may be written again
  /// behind it.
  virtual Status enqueueCombine(void *stream, const float *weights, Rows out) = 0;

  /// Waits for the stream (not while it is captured) and says what went wrong since the last time: an expert out of
  /// range, which was dropped (INVALID_ARGUMENT, with token and choice); more rows than mostRows (INVALID_ARGUMENT,
  /// with the rank); a rank that did not come (DEADLINE_EXCEEDED), after which the shuffle is of no more use. With
  /// FARO_CHECK=1 in the environment it also compares the last plan with the host's (INTERNAL, with token and choice).
  virtual Status status(void *stream) = 0;

  // The device's memory, the same for the life of the shuffle.
  virtual Rows received() const = 0;                ///< mostRows rows
  virtual Rows expertRows() const = 0;              ///< mostRows rows, in the order of received
  virtual const int64_t *expertOffsets() const = 0; ///< [localExperts + 1], in rows, padding included
  virtual const int64_t *expertCounts() const = 0;  ///< [localExperts], without padding
  virtual int64_t localExperts() const = 0;
};

} // namespace faro
