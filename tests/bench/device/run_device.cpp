#include "tests/bench/device/run_device.h"

#include "tests/bench/device/combine_on_device.h"
#include "tests/bench/device/dispatch_on_device.h"
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
  }
  if (options.limits)
    addCombineLimits(bench, methods);
  return methods;
}

Report measure(Op op, const Gpu &gpu, const std::vector<Problem> &problems, TorchPeer *torch) {
  const Options &o = problems.front().options;
  Report report{op, o, int(problems.size()), {}, {}};
  report.device = OnDevice{gpu.device->name(), gpu.device->number(), gpu.device->architecture()};
  if (torch)
    report.torch = torch->version;
  Alone control;
  if (op == Op::Combine) {
    DeviceCombine bench(gpu, problems);
    report.results = runMethods(combineMethods(bench, o, torch), bench, o.iterations, o.coldCaches, control);
  } else {
    DeviceDispatch bench(gpu, problems);
    report.results = runMethods(dispatchMethods(bench, o, torch), bench, o.iterations, o.coldCaches, control);
  }
  report.budgets = budgetsOnDevice(op, o, report.results, report.torch);
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
  const auto gpu = Gpu::open(options);
  if (!gpu)
    return fail(gpu.status());
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
  const std::vector<Op> ops = options.op == Op::All ? std::vector{Op::Dispatch, Op::Combine} : std::vector{options.op};
  nlohmann::json runs = nlohmann::json::array();
  size_t wrong = 0;
  for (const Op op : ops) {
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
