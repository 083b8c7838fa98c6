#include "tests/bench/device/run_device.h"

#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
#include "tests/bench/device/round_trip.h"
#include "tests/bench/device/torch_methods.h"
#include "tests/bench/report.h"
#include "tests/bench/require.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace faro::bench {
namespace {

/// One thread runs all methods, and knows the work of all ranks.
class Alone final : public Control {
public:
  Alone() : Control(0, 1) {}
  void barrier() override {}
  std::vector<std::string> allgather(const std::string &mine) override { return {mine}; }
};

Methods dispatchMethods(DeviceDispatch &bench, const Options &options, TorchPeer *torch) {
  Methods methods;
  if (options.peers)
    addDispatchPeers(bench, methods);
  if (torch)
    addTorchDispatch(bench, *torch, methods);
  if (options.faro) {
    methods.push_back(faroPushes(bench));
    if (auto padding = faroPadding(bench))
      methods.push_back(std::move(padding));
    methods.push_back(faroDispatchCall(bench));
    if (bench.gpu.plans())
      addPlannedDispatch(bench, methods);
  }
  if (options.limits)
    addDispatchLimits(bench, methods);
  return methods;
}

Methods combineMethods(DeviceCombine &bench, const Options &options, TorchPeer *torch) {
  Methods methods;
  if (options.peers)
    methods.push_back(permuteCopySum(bench));
  if (torch)
    addTorchCombine(bench, *torch, methods);
  if (options.faro) {
    methods.push_back(faroPulls(bench));
    methods.push_back(faroCombineCall(bench));
    if (bench.gpu.plans())
      addPlannedCombine(bench, methods);
  }
  if (options.limits)
    addCombineLimits(bench, methods);
  return methods;
}

Methods planMethods(DeviceDispatch &bench, const Options &options, TorchPeer *torch) {
  Methods methods;
  if (options.peers)
    methods.push_back(planningOnHost(bench));
  if (torch)
    addTorchPlanning(bench, *torch, methods);
  if (options.faro)
    addPlanningOnDevice(bench, methods);
  return methods;
}

Methods roundTripMethods(DeviceRoundTrip &bench, const Options &options) {
  Methods methods;
  if (options.peers)
    methods.push_back(roundTripOfSessions(bench));
  if (options.faro)
    addPlannedRoundTrip(bench, methods);
  if (options.limits)
    addRoundTripLimits(bench, methods);
  return methods;
}

/// What is measured, one after the other. Errors: the module has no kernels for what was asked for by name.
Expected<std::vector<Op>> opsOf(const Options &options, const Gpu &gpu) {
  const bool needsPlan = options.op == Op::Plan || options.op == Op::RoundTrip;
  if (needsPlan && !gpu.plans())
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("--op {}: {} has no kernels that plan on a device: expected a dispatch of rows in the order "
                    "[expert, source, token]",
                    opName(options.op), gpu.module->name()));
  if (options.op != Op::All)
    return std::vector{options.op};
  std::vector<Op> ops{Op::Dispatch, Op::Combine};
  if (gpu.plans())
    ops.insert(ops.end(), {Op::Plan, Op::RoundTrip});
  else
    fmt::print("not planned on the device: {} has no kernels for it\n", gpu.module->name());
  return ops;
}

Report measure(Op op, const Gpu &gpu, const std::vector<Problem> &problems, TorchPeer *torch) {
  const Options &o = problems.front().options;
  Report report{op, o, int(problems.size()), {}, {}};
  report.device = OnDevice{gpu.device->name(), gpu.device->number(), gpu.device->architecture()};
  if (torch && op != Op::RoundTrip)
    report.torch = torch->version;
  Alone control;
  if (op == Op::RoundTrip) {
    DeviceRoundTrip bench(gpu, problems);
    report.results = runMethods(roundTripMethods(bench, o), bench, o.iterations, o.coldCaches, control);
  } else if (op == Op::Plan) {
    DeviceDispatch bench(gpu, problems);
    report.results = runMethods(planMethods(bench, o, torch), bench, o.iterations, o.coldCaches, control);
  } else if (op == Op::Combine) {
    DeviceCombine bench(gpu, problems);
    report.results = runMethods(combineMethods(bench, o, torch), bench, o.iterations, o.coldCaches, control);
  } else {
    DeviceDispatch bench(gpu, problems);
    report.results = runMethods(dispatchMethods(bench, o, torch), bench, o.iterations, o.coldCaches, control);
  }
  report.budgets = budgetsOnDevice(op, o, report.ranks, report.results, report.torch);
  return report;
}

int fail(const Status &status) {
  fmt::print(stderr, "faro-bench: {}\n", status.message());
  return status.code() == FARO_INVALID_ARGUMENT ? 2 : 1;
}

} // namespace

int runOnDevice(const Options &options) {
  const int ranks = std::max(options.ranks, 1);
  if (const Status fits = checkRanks(options, ranks); !fits)
    return fail(fits);
  cuda::letStreamsRunSideBySide();
  const auto gpu = Gpu::open(options);
  if (!gpu)
    return fail(gpu.status());
  const auto ops = opsOf(options, **gpu);
  if (!ops)
    return fail(ops.status());
  std::unique_ptr<TorchPeer> torch;
  if (options.peers && !options.torch.empty()) {
    auto started = TorchPeer::start(options, **gpu);
    if (!started)
      return fail(started.status());
    torch = std::move(*started);
  }
  std::vector<Problem> problems;
  for (int rank = 0; rank < ranks; ++rank)
    problems.emplace_back(options, rank, ranks, ranks);
  nlohmann::json runs = nlohmann::json::array();
  size_t wrong = 0;
  for (const Op op : *ops) {
    const Report report = measure(op, **gpu, problems, torch.get());
    wrong += report.wrongRows();
    printOnDevice(report);
    runs.push_back(toJson(report));
  }
  if (!options.json.empty())
    if (const Status written = writeJson(options.json, runs); !written)
      return fail(written);
  return wrong ? 1 : 0;
}

} // namespace faro::bench
