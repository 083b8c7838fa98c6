#include "runtime/engine/ProgramRuns.h"

#include <cstring>

namespace faro {

template <typename Fn> static Fn kernelOf(const Module &module, uint32_t index) {
  return reinterpret_cast<Fn>(module.kernels().kernels[index].entry);
}

void DispatchBindings::pad() {
  const uint64_t stride = plan.program->row.stride;
  for (const RowRun &run : plan.padding)
    std::memset(received.mine() + run.first * stride, 0, run.count * stride);
}

void DispatchBindings::push(const faro_abi_stage &stage) {
  const faro_abi_program &program = *plan.program;
  const uint64_t stride = program.row.stride;
  std::vector<uint64_t> bases(plan.rowsOfRank.size());
  for (uint32_t r = 0; r < bases.size(); ++r)
    bases[r] = reinterpret_cast<uint64_t>(received.of(r));
  addresses.resize(plan.places.size());
  for (size_t i = 0; i < plan.places.size(); ++i)
    addresses[i] = bases[plan.places[i].rank] + plan.places[i].row * stride;

  const bool streaming = stage.streaming_kernel != FARO_ABI_NO_KERNEL && stride % 64 == 0 &&
                         plan.places.size() * stride >= program.streaming_threshold;
  auto kernel = kernelOf<faro_abi_push_fn>(module, streaming ? stage.streaming_kernel : stage.kernel);
  kernel(x.data, x.stride, plan.offsets.data(), addresses.data(), 0, plan.tokens);
}

void CombineBindings::pull(const faro_abi_stage &stage) {
  const uint64_t stride = program.row.stride;
  // The flag that this stage waited for says where each rank's rows are. The module's check found such an await.
  const faro_abi_schedule &schedule = *scheduleOf(program, FARO_ABI_DIRECT);
  uint32_t opened = 0;
  for (uint32_t i = 0; i < stage.after_count; ++i)
    if (schedule.stages[stage.after[i]].op == FARO_ABI_STAGE_AWAIT)
      opened = schedule.stages[stage.after[i]].flag;
  std::vector<uint64_t> bases(ranks);
  for (uint32_t r = 0; r < ranks; ++r)
    if (plan.rowsOfRank[r] > 0)
      bases[r] = reinterpret_cast<uint64_t>(board.valueOf(opened, r) == OutputsWindow ? outputs.of(r) : received.of(r));

  const size_t items = plan.places.size();
  addresses.resize(items + FARO_ABI_MAX_TOPK);
  itemWeights.resize(items);
  for (size_t i = 0; i < items; ++i) {
    addresses[i] = bases[plan.places[i].rank] + plan.places[i].row * stride;
    itemWeights[i] = weights[plan.choices[i]];
  }
  // What the kernel fetches ahead of the last token.
  for (size_t i = items; i < addresses.size(); ++i)
    addresses[i] = items ? addresses[items - 1] : 0;

  const bool aligned = reinterpret_cast<uint64_t>(out.data) % 64 == 0 && out.stride % 64 == 0;
  const bool streaming = stage.streaming_kernel != FARO_ABI_NO_KERNEL && aligned &&
                         uint64_t(out.rows) * stride >= program.streaming_threshold;
  auto kernel = kernelOf<faro_abi_pull_fn>(module, streaming ? stage.streaming_kernel : stage.kernel);
  kernel(out.data, out.stride, plan.offsets.data(), addresses.data(), itemWeights.data(), 0, plan.tokens);
}

} // namespace faro
