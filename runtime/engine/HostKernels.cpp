// Kernels that are functions of this process: done when they return.
#include "runtime/engine/RowKernels.h"
#include "runtime/engine/RunContext.h"

#include <cfenv>
#include <cstring>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace faro {

namespace {

/// A list as a kernel takes it, which counts from the first entry of all.
template <typename T> const T *origin(std::span<const T> list, uint32_t first) {
  return reinterpret_cast<const T *>(reinterpret_cast<uintptr_t>(list.data()) - first * sizeof(T));
}

/// Whole lines, which memset would fetch only to overwrite them.
void zeroPastCache(std::byte *to, uint64_t bytes) {
#if defined(__x86_64__)
  const __m128i zeros = _mm_setzero_si128();
  for (const std::byte *end = to + bytes; to < end; to += sizeof zeros)
    _mm_stream_si128(reinterpret_cast<__m128i *>(to), zeros);
  _mm_sfence(); // before a flag says so
#else
  std::memset(to, 0, bytes);
#endif
}

/// Sums are of IEEE's default arithmetic, whatever the calling thread has set for itself: frameworks flush subnormals
/// to zero there, and so do libraries that were linked for fast mathematics, by being loaded.
class DefaultArithmetic {
public:
  DefaultArithmetic() {
    std::fegetenv(&before);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultArithmetic() { std::fesetenv(&before); }
  DefaultArithmetic(const DefaultArithmetic &) = delete;
  DefaultArithmetic &operator=(const DefaultArithmetic &) = delete;

private:
  std::fenv_t before;
};

class HostKernels final : public RowKernels {
public:
  explicit HostKernels(const RunContext &run) : run(run) {}

  Status push(uint32_t kernel, const void *source, int64_t stride, std::span<const uint32_t> offsets,
              std::span<const uint64_t> to) override {
    run.kernel<faro_abi_push_fn>(kernel)(source, stride, offsets.data(), origin(to, offsets[0]), 0,
                                         int64_t(offsets.size()) - 1);
    return Status::ok();
  }

  Status copy(uint32_t kernel, std::span<const SourceRun> sources, std::span<const uint64_t> to) override {
    for (const SourceRun &source : sources) {
      while (iota.size() <= source.rows)
        iota.push_back(uint32_t(iota.size()));
      run.kernel<faro_abi_push_fn>(kernel)(source.first, source.stride, iota.data(), to.data(), 0, source.rows);
      to = to.subspan(source.rows);
    }
    return Status::ok();
  }

  Status pull(uint32_t kernel, void *out, int64_t stride, std::span<const uint32_t> offsets,
              std::span<const uint64_t> rows, std::span<const float> weights) override {
    const DefaultArithmetic arithmetic;
    run.kernel<faro_abi_pull_fn>(kernel)(out, stride, offsets.data(), origin(rows, offsets[0]),
                                         origin(weights, offsets[0]), 0, int64_t(offsets.size()) - 1);
    return Status::ok();
  }

  Status zero(uint32_t, std::byte *first, std::span<const RowRun> runs, bool pastCache) override {
    const uint64_t stride = run.program->row.stride;
    for (const RowRun &rows : runs) {
      std::byte *to = first + rows.first * stride;
      if (pastCache)
        zeroPastCache(to, rows.count * stride);
      else
        std::memset(to, 0, rows.count * stride);
    }
    return Status::ok();
  }

  Status awaitPushed() override { return Status::ok(); }
  Status seeArrived() override { return Status::ok(); }

  Expected<std::byte *> scratchRows(uint64_t bytes) override {
    std::vector<RunScratch::Line> &rows = run.parts.scratch->rows;
    rows.resize((bytes + sizeof(RunScratch::Line) - 1) / sizeof(RunScratch::Line));
    return rows.empty() ? nullptr : rows.front().bytes;
  }

  uint64_t grainBytes() const override { return 256 << 10; }

  Expected<uint64_t> mark() override { return uint64_t(0); }
  Expected<uint64_t> markHeld() override { return uint64_t(0); }
  Expected<bool> passed(uint64_t) override { return true; }
  void drain() override {}

private:
  const RunContext &run;
  std::vector<uint32_t> iota; ///< 0, 1, 2 ...
};

} // namespace

std::unique_ptr<RowKernels> kernelsOnHost(const RunContext &run) { return std::make_unique<HostKernels>(run); }

} // namespace faro
