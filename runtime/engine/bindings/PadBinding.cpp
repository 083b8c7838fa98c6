// Zeros in the rows between groups.
#include "runtime/engine/bindings/Bindings.h"

#include <algorithm>

namespace faro {

namespace {
class PadBinding final : public OnceBinding {
public:
  explicit PadBinding(const RunContext &run) : run(run) {
    const uint64_t stride = run.program->row.stride;
    for (const faro_abi_stage &each : std::span(run.schedule->stages, run.schedule->stage_count))
      if (each.op == FARO_ABI_STAGE_PUSH)
        push = each.kernel;
    pastCache = goesPastCache(*run.program, uint64_t(run.batch->receivedRows) * stride, stride % 64 == 0);
  }

  Expected<bool> step() override {
    const uint64_t stride = run.program->row.stride;
    const std::vector<RowRun> &padding = run.batch->padding;
    // On one node nobody waits in between.
    runs.clear();
    for (uint64_t left = run.batch->across ? run.kernels->grainBytes() / stride + 1 : ~uint64_t(0);
         left > 0 && at < padding.size();) {
      const uint64_t rows = std::min(padding[at].count - row, left);
      runs.push_back({padding[at].first + row, rows});
      left -= rows;
      row += rows;
      if (row == padding[at].count) {
        row = 0;
        ++at;
      }
    }
    if (!runs.empty())
      FARO_RETURN_IF_ERROR(run.kernels->zero(push, run.parts.windows->received.mine(), runs, pastCache));
    return at == padding.size();
  }

private:
  const RunContext &run;
  uint32_t push = 0; ///< the kernel of such rows
  bool pastCache;
  std::vector<RowRun> runs; ///< of a step
  size_t at = 0;            ///< the first run of rows that is not zero
  uint64_t row = 0;         ///< and of it
};
} // namespace

std::unique_ptr<OnceBinding> bindPad(const RunContext &run) { return std::make_unique<PadBinding>(run); }

} // namespace faro
