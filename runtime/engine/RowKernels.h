// Where the kernels of a run's stages run: on this thread, at once, or on the device where the rows are, in the order
// in which they are launched. Stages make lists in host memory and call; the engine asks when what they launched is
// done.
//
//   binding ──push, pull, copy, zero──► RowKernels          nothing waits; lists may change when a call returns
//   engine ──mark──► what was launched so far ──passed──► done
#pragma once

#include "faro/status.h"
#include "runtime/plan/Plan.h"

#include <cstddef>
#include <memory>
#include <span>

namespace faro {

namespace cuda {
class SessionDevice;
}
struct RunContext;

/// Rows at equal distances.
struct SourceRun {
  const std::byte *first;
  int64_t stride;
  uint32_t rows;
};

/// Rows and their addresses are as kernels see them: of slots, those that their memory has for kernels.
class RowKernels {
public:
  virtual ~RowKernels() = default;

  /// Kernel `kernel` of the module, as faro_abi_push_fn, for offsets.size() - 1 rows from `source` on. `to` begins with
  /// entry offsets[0].
  virtual Status push(uint32_t kernel, const void *source, int64_t stride, std::span<const uint32_t> offsets,
                      std::span<const uint64_t> to) = 0;
  /// The same, row i of all runs to to[i] alone.
  virtual Status copy(uint32_t kernel, std::span<const SourceRun> sources, std::span<const uint64_t> to) = 0;
  /// As faro_abi_pull_fn, for offsets.size() - 1 rows from `out` on. `rows` and `weights` begin with entry offsets[0].
  virtual Status pull(uint32_t kernel, void *out, int64_t stride, std::span<const uint32_t> offsets,
                      std::span<const uint64_t> rows, std::span<const float> weights) = 0;
  /// What was pushed so far is what pulls find from now on. Pulls that read none of it need not wait.
  virtual Status awaitPushed() = 0;
  /// Zeros in runs of the program's rows, counted from the one at `first`. `kernel`: one that pushes such rows.
  /// `pastCache`: not read soon, and more than caches hold; rows are of whole lines.
  virtual Status zero(uint32_t kernel, std::byte *first, std::span<const RowRun> runs, bool pastCache) = 0;
  /// What the wire has put into memory of the device is what kernels see that are launched from now on.
  virtual Status seeArrived() = 0;
  /// Room for rows that one launch leaves for the next, aligned to 64. Valid until asked for again.
  virtual Expected<std::byte *> scratchRows(uint64_t bytes) = 0;
  /// Output of one step of a stage: enough to be worth a launch, little enough that the wire does not run dry
  /// meanwhile.
  virtual uint64_t grainBytes() const = 0;

  /// 0 when nothing was launched since the last mark, or all of it is done. Else what `passed` is asked about.
  virtual Expected<uint64_t> mark() = 0;
  /// The same of what was in the stream before the run: the caller's own work, and what that waits for.
  virtual Expected<uint64_t> markHeld() = 0;
  /// Whether all is done that was launched before the mark. True of a mark says it of all marks before it.
  virtual Expected<bool> passed(uint64_t mark) = 0;
  /// Until all is done that was launched, whatever became of it. Kernels wait for nothing but what the caller has put
  /// into the stream before them, so this ends when that does.
  virtual void drain() = 0;
};

// The context must outlive what is returned.
std::unique_ptr<RowKernels> kernelsOnHost(const RunContext &);
std::unique_ptr<RowKernels> kernelsOnDevice(const RunContext &);

} // namespace faro
