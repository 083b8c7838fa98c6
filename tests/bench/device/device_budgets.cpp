#include "tests/bench/budgets.h"

namespace faro::bench {

/// The fastest form of a peer: names begin with what they do, and a form follows.
static const Result *fastestOf(const std::vector<Result> &results, std::string_view what) {
  const Result *best = nullptr;
  for (const Result &result : results)
    if (result.kind == Kind::Peer && std::string_view(result.name).starts_with(what) &&
        (!best || result.medianRun() < best->medianRun()))
      best = &result;
  return best;
}

static const Result *named(const std::vector<Result> &results, std::string_view name) {
  for (const Result &result : results)
    if (result.name == name)
      return &result;
  return nullptr;
}

static Budget notMeasured(const char *what, double target, const char *why) {
  Budget budget{what, target};
  budget.notMeasured = why;
  return budget;
}

/// A time of the device, in microseconds.
static Budget microseconds(const char *what, double most, const Result &result) {
  return {what, most, result.medianRun() * 1e3, result.bestRun() * 1e3, /*atLeast=*/false, " us"};
}

static std::vector<Budget> budgetsOfPlanning(const Options &o, int ranks, const std::vector<Result> &results) {
  const Result *planned = named(results, "Faro, planned on the device");
  if (!planned || ranks != 1 || o.tokens != 4096 || o.topk != 8 || o.experts != 256 || !o.coldCaches)
    return {};
  return {microseconds("planning on the device, 4096 tokens, top-8 of 256", 30, *planned)};
}

/// Both ways of a decode's step, by a graph. In a model its tokens have just been written, and the experts' weights
/// have been read between the two ways: caches are neither quite cold nor quite warm, so both are held to it.
static std::vector<Budget> budgetsOfDecode(const Options &o, int ranks, const std::vector<Result> &results) {
  const Result *graph = named(results, "Faro, planned on the device, as a graph");
  if (!graph || ranks != 1 || o.tokens != 128 || o.hidden != 7168 || o.element != Element::Bf16 || o.topk != 8)
    return {};
  return {microseconds(o.coldCaches ? "dispatch + combine of 128 tokens, one graph, cold cache"
                                    : "dispatch + combine of 128 tokens, one graph, warm cache",
                       30, *graph)};
}

std::vector<Budget> budgetsOnDevice(Op op, const Options &o, int ranks, const std::vector<Result> &results,
                                    const std::optional<TorchVersion> &torch) {
  if (op == Op::Plan)
    return budgetsOfPlanning(o, ranks, results);
  if (op == Op::RoundTrip)
    return budgetsOfDecode(o, ranks, results);
  std::vector<Budget> budgets;
  const Result *kernel = faroOf(results), *bound = boundOf(results);
  if (!kernel || o.tokens != 4096 || o.hidden != 7168 || o.element != Element::Bf16 || o.topk != 8 || !o.coldCaches)
    return budgets;
  const auto share = [&](const char *what, double target) {
    if (bound)
      budgets.push_back(
          {what, target, kernel->timesFasterThan(*bound), bound->bestRun() / kernel->bestRun(), true, ""});
  };
  const auto ratio = [&](const char *what, double target, const Result *peer) {
    if (!peer)
      return;
    Budget budget{what, target, kernel->timesFasterThan(*peer), peer->bestRun() / kernel->bestRun()};
    if (bound)
      budget.ceiling = bound->timesFasterThan(*peer);
    budgets.push_back(std::move(budget));
  };
  if (op == Op::Combine && o.multiprocessors)
    return budgets;
  if (op == Op::Combine) {
    share("combine kernel, share of the copy bound", 0.85);
    return budgets;
  }
  if (o.multiprocessors == 16)
    share("dispatch kernel, 16 multiprocessors, share of the copy bound", 0.85);
  if (o.multiprocessors)
    return budgets;
  share("dispatch kernel, share of the copy bound", 0.9);
  ratio("dispatch kernel against the fastest permute, copy, permute", 2.5,
        fastestOf(results, "permute, copy, permute"));
  ratio("dispatch kernel against the fastest permute in one pass", 1.5, fastestOf(results, "permute in one pass"));
  const auto against = [&](const char *what, double target, const Result *peer) {
    if (peer && torch && torch->onDevice)
      ratio(what, target, peer);
    else if (o.peers)
      budgets.push_back(notMeasured(what, target, torch ? "torch is not on the device" : "no --torch"));
  };
  against("dispatch against torch: index_select, copy, index_select", 2.5,
          fastestOf(results, "torch: index_select, copy, index_select"));
  against("dispatch against the best torch.compile permute", 1.5, fastestOf(results, "torch.compile: "));
  return budgets;
}

} // namespace faro::bench
