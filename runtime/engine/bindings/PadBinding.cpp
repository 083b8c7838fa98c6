// Zeros in the rows between groups.
#include "runtime/engine/bindings/Bindings.h"

#include <cstring>

namespace faro {

namespace {
class PadBinding final : public OnceBinding {
public:
  explicit PadBinding(const RunContext &run) : run(run) {}

  Expected<bool> step() override {
    const uint64_t stride = run.program->row.stride;
    for (const RowRun &rows : run.batch.plan->padding)
      std::memset(run.parts.received->mine() + rows.first * stride, 0, rows.count * stride);
    return true;
  }

private:
  const RunContext &run;
};
} // namespace

std::unique_ptr<OnceBinding> bindPad(const RunContext &run) { return std::make_unique<PadBinding>(run); }

} // namespace faro
