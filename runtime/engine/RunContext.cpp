#include "runtime/engine/RunContext.h"

#include "runtime/engine/bindings/PartialSums.h"

namespace faro {

RunContext::RunContext() = default;
RunContext::~RunContext() = default;

uint32_t RunContext::pullKernel(const faro_abi_stage &stage, const Rows &out) const {
  const uint64_t bytes = program->row.bytes, unit = elementBytes(program->row.element);
  const bool sumsShares = schedule->path == FARO_ABI_HIERARCHICAL && schedule->partial != program->row.element;
  const bool anywhere = !sumsShares && bytes % 64 != 0 && bytes >= FARO_ABI_ANYWHERE_BYTES;
  const uint64_t places = reinterpret_cast<uint64_t>(out.data) | uint64_t(out.stride);
  return kernelIndex(stage, uint64_t(out.rows) * program->row.stride, places % (anywhere ? unit : 64) == 0);
}

} // namespace faro
