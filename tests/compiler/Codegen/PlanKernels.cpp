#include "tests/compiler/Codegen/PlanKernels.h"

#include "tests/compiler/Codegen/Kernels.h"

#include <stdexcept>
#include <thread>

namespace faro::test {

using namespace compiler;

std::unique_ptr<JitModule> compilePlan(const PlanSpec &spec) {
  const std::string row = std::to_string(spec.columns) + "xbf16";
  const std::string text = "!tokens = !faro.tokens<" + row + ">\n!experts = !faro.tokens<" + row +
                           ", #faro.layout<order = [expert, source, token], align = " + std::to_string(spec.align) +
                           ">>\n!routes = !faro.routes<topk = " + std::to_string(spec.topk) +
                           ", experts = " + std::to_string(spec.experts) + ", placement = " + spec.placement +
                           ">\nfunc.func @dispatch(%x: !tokens, %r: !routes) -> !experts {\n"
                           "  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts\n"
                           "  return %y : !experts\n}\n";
  LoweringOptions options;
  options.plan = true;
  return compileSpec(text, llvm::cantFail(hostTarget()), options);
}

template <typename T> static uint64_t addressOf(std::vector<T> &values) {
  return reinterpret_cast<uintptr_t>(values.data());
}

PlanRanks::PlanRanks(const faro_abi_module &module, uint32_t count, int64_t mostTokens, uint64_t capacity)
    : module(module), program_(&module.programs[0]), ranks(count) {
  auto made = makeExpertMap(program_->routes, count);
  if (!made || !program_->plan)
    throw std::runtime_error("no placement or no plan kernels");
  map_ = *made;
  const uint32_t experts = program_->routes.experts, chunk = program_->plan->chunk_tokens;
  const size_t chunks = (size_t(mostTokens) / chunk / FARO_ABI_PLAN_CHUNKS + 1) * FARO_ABI_PLAN_CHUNKS,
               entries = size_t(mostTokens) * program_->routes.topk;
  for (uint32_t r = 0; r < count; ++r) {
    PlanRank &rank = ranks[r];
    rank.owner = map_.owner;
    rank.expertsBy = map_.expertsBy;
    rank.firstOfRank = map_.firstOfRank;
    rank.position.resize(experts);
    for (uint32_t i = 0; i < experts; ++i)
      rank.position[map_.expertsBy[i]] = i;
    rank.board.resize(count * experts);
    rank.signals.resize(FARO_ABI_MEETINGS * count);
    rank.window.resize(capacity * program_->row.stride + 64);
    rank.outputWindow.resize(64);
    rank.counts.resize(chunks * (experts + 1));
    rank.faults.resize(chunks);
    rank.sent.resize(FARO_ABI_MEETINGS * count);
    for (Numbers *each : {&rank.starts, &rank.totals, &rank.bases})
      each->resize(experts);
    rank.rows.resize(count);
    rank.offsets.resize(size_t(mostTokens) + 1);
    rank.choices.resize(entries);
    rank.destinations.resize(entries);
    rank.sources.resize(entries);
    rank.weights.resize(entries);
    const size_t local = map_.firstOfRank[r + 1] - map_.firstOfRank[r];
    rank.expertOffsets.resize(local + 1);
    rank.expertCounts.resize(local);
    rank.status.resize(FARO_ABI_PLAN_STATUS + count);
  }
  for (uint32_t r = 0; r < count; ++r) {
    PlanRank &rank = ranks[r];
    for (PlanRank &peer : ranks) {
      rank.boards.push_back(addressOf(peer.board));
      rank.allSignals.push_back(addressOf(peer.signals));
      rank.received.push_back(addressOf(peer.window));
      rank.outputs.push_back(addressOf(peer.outputWindow));
    }
    constexpr uint64_t Timeout = 20'000'000'000;
    rank.area = {r,
                 count,
                 capacity,
                 Timeout,
                 addressOf(rank.owner),
                 addressOf(rank.expertsBy),
                 addressOf(rank.position),
                 addressOf(rank.firstOfRank),
                 addressOf(rank.boards),
                 addressOf(rank.allSignals),
                 addressOf(rank.received),
                 addressOf(rank.outputs),
                 addressOf(rank.counts),
                 addressOf(rank.faults),
                 addressOf(rank.sent),
                 addressOf(rank.starts),
                 addressOf(rank.totals),
                 addressOf(rank.bases),
                 addressOf(rank.rows),
                 addressOf(rank.offsets),
                 addressOf(rank.destinations),
                 addressOf(rank.sources),
                 addressOf(rank.weights),
                 addressOf(rank.choices),
                 addressOf(rank.expertOffsets),
                 addressOf(rank.expertCounts),
                 addressOf(rank.status)};
  }
}

void PlanRanks::run(uint32_t index, uint32_t rank, const void *given, int64_t number, const int64_t *tokens) {
  const auto kernel = reinterpret_cast<faro_abi_plan_fn>(module.kernel_sets[0].kernels[index].entry);
  kernel(&ranks[rank].area, given, tokens, number);
}

void PlanRanks::meet(faro_abi_meeting meeting) {
  std::vector<std::jthread> threads;
  for (uint32_t r = 0; r < size(); ++r)
    threads.emplace_back([this, r, meeting] { run(program_->plan->meet, r, nullptr, meeting); });
}

void PlanRanks::plan(const std::vector<std::vector<int64_t>> &routing, const std::vector<int64_t> &numbers,
                     const std::vector<const int64_t *> &tokens) {
  const faro_abi_plan_kernels &plan = *program_->plan;
  const auto tokensOf = [&](uint32_t r) { return tokens.empty() ? nullptr : tokens[r]; };
  for (uint32_t r = 0; r < size(); ++r) {
    run(plan.count, r, routing[r].data(), numbers[r], tokensOf(r));
    run(plan.scan, r, nullptr, numbers[r]);
  }
  meet(FARO_ABI_MEET_COUNTED);
  for (uint32_t r = 0; r < size(); ++r) {
    run(plan.offsets, r, nullptr, numbers[r]);
    run(plan.place, r, routing[r].data(), numbers[r], tokensOf(r));
    if (plan.pad != FARO_ABI_NO_KERNEL)
      run(plan.pad, r, nullptr, numbers[r]);
  }
}

} // namespace faro::test
