// faro-bench: this project against what a user would pick instead, and against the machine. See README.md.
#include "tests/bench/code_cache.h"
#include "tests/bench/combine/combine_bench.h"
#include "tests/bench/device/run_device.h"
#include "tests/bench/dispatch/dispatch_bench.h"
#include "tests/bench/nodes/run_nodes.h"
#include "tests/bench/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace faro;
using namespace faro::bench;

static CommunicatorOptions onThisMachine(const Problem &problem) {
  CommunicatorOptions place;
  place.rank = place.localRank = uint32_t(problem.rank);
  place.worldSize = uint32_t(problem.ranks);
  return place;
}

static Methods dispatchMethods(DispatchBench &bench, const Options &options, Control &control) {
  Methods methods;
  if (options.peers) {
    methods.push_back(permuteAlltoallv(bench, Permute::Memcpy));
    methods.push_back(permuteAlltoallv(bench, Permute::Streaming));
    methods.push_back(permuteAlltoallv(bench, Permute::TokenMajor));
    methods.push_back(dispatchAlltoallw(bench));
    methods.push_back(dedupedAlltoallv(bench));
    methods.push_back(dedupedAlltoallwInPlace(bench));
    methods.push_back(dispatchAlltoallvAlone(bench));
  }
  if (options.faro)
    methods.push_back(faroDispatch(bench, control, onThisMachine(bench.problem)));
  if (options.limits)
    addDispatchLimits(bench, control, methods);
  return methods;
}

static Methods combineMethods(CombineBench &bench, const Options &options, Control &control) {
  Methods methods;
  if (options.peers) {
    methods.push_back(permuteAlltoallvSum(bench, Unpermute::Folded));
    methods.push_back(permuteAlltoallvSum(bench, Unpermute::FoldedStreaming));
    methods.push_back(permuteAlltoallvSum(bench, Unpermute::Separate));
    methods.push_back(combineAlltoallw(bench));
    methods.push_back(rankReduced(bench));
  }
  if (options.faro)
    methods.push_back(faroCombine(bench, control, onThisMachine(bench.problem)));
  if (options.limits)
    addCombineLimits(bench, methods);
  return methods;
}

/// Planning by itself: the ways that differ in it, and no limits.
static Methods planMethods(DispatchBench &bench, const Options &options, Control &control) {
  Methods methods;
  if (options.peers) {
    methods.push_back(permuteAlltoallv(bench, Permute::Memcpy));
    methods.push_back(dispatchAlltoallw(bench));
    methods.push_back(dedupedAlltoallwInPlace(bench));
  }
  if (options.faro)
    methods.push_back(faroDispatch(bench, control, onThisMachine(bench.problem)));
  return methods;
}

static Report measure(Op op, const Problem &problem, MPI_Comm comm, Control &control) {
  const Options &options = problem.options;
  Report report{op, options, problem.ranks, {}, {}};
  if (op == Op::Combine) {
    CombineBench bench(problem, comm);
    report.results =
        runMethods(combineMethods(bench, options, control), bench, options.iterations, options.coldCaches, control);
  } else {
    DispatchBench bench(problem, comm);
    const Methods methods =
        op == Op::Plan ? planMethods(bench, options, control) : dispatchMethods(bench, options, control);
    report.results = runMethods(methods, bench, options.iterations, options.coldCaches, control);
  }
  report.budgets = budgetsOf(op, options, problem.ranks, report.results);
  return report;
}

static int fail(const Status &status, bool speaks) {
  if (speaks)
    fmt::print(stderr, "faro-bench: {}\n", status.message());
  return status.code() == FARO_INVALID_ARGUMENT ? 2 : 1;
}

/// Exit status.
static int runJit(const Options &options) {
  auto times = measureJit(options);
  if (!times)
    return fail(times.status(), true);
  const std::vector<Budget> budgets = budgetsOf(*times);
  printJit(*times, budgets);
  if (options.json.empty())
    return 0;
  const Status written = writeJson(options.json, nlohmann::json::array({toJson(*times, budgets)}));
  return written ? 0 : fail(written, true);
}

static int runAll(const Options &options, int rank, int ranks, MPI_Comm comm) {
  MpiControl control(comm);
  CodeCache cache;
  if (options.faro && options.module.empty())
    cache.share(control);
  const Problem problem(options, rank, ranks, ranks);
  const std::vector<Op> ops =
      options.op == Op::All ? std::vector<Op>{Op::Dispatch, Op::Combine} : std::vector{options.op};
  nlohmann::json runs = nlohmann::json::array();
  size_t wrong = 0;
  for (Op op : ops) {
    const Report report = measure(op, problem, comm, control);
    wrong += report.wrongRows();
    if (rank != 0)
      continue;
    printTable(report);
    runs.push_back(toJson(report));
  }
  MPI_Barrier(comm); // nobody needs the cache any more
  int status = wrong ? 1 : 0;
  if (rank == 0 && !options.json.empty())
    if (const Status written = writeJson(options.json, runs); !written)
      status = fail(written, true);
  MPI_Bcast(&status, 1, MPI_INT, 0, comm);
  return status;
}

/// Whether the command line names a device: then what is wrong with it is said without MPI, too.
static bool namesDevice(int argc, char **argv) {
  return std::any_of(argv, argv + argc, [](std::string_view word) { return word.starts_with("--device"); });
}

int main(int argc, char **argv) {
  std::string help;
  const Expected<Options> options = parseOptions(argc, argv, help);
  if (options && help.empty() && options->op == Op::Jit)
    return runJit(*options);
  if (options && help.empty() && options->acrossNodes)
    return runAcrossNodes(*options);
  if (!options && namesDevice(argc, argv))
    return fail(options.status(), true);
  if (options && help.empty() && options->cudaDevice >= 0)
    return runOnDevice(*options);

  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  int status = 0;
  if (!options)
    status = fail(options.status(), rank == 0);
  else if (!help.empty())
    fmt::print("{}", rank == 0 ? help : "");
  else if (const Status fits = checkRanks(*options, ranks); !fits)
    status = fail(fits, rank == 0);
  else
    status = runAll(*options, rank, ranks, MPI_COMM_WORLD);
  MPI_Finalize();
  return status;
}
