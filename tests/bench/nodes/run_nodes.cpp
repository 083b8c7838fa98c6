#include "tests/bench/nodes/run_nodes.h"

#include "tests/bench/code_cache.h"
#include "tests/bench/nodes/combine_ways.h"
#include "tests/bench/nodes/prediction.h"
#include "tests/bench/nodes/raw_stream.h"
#include "tests/bench/nodes/star_control.h"
#include "tests/bench/report.h"
#include "tests/bench/require.h"

#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace faro::bench {
namespace {

/// What all operations of a run share.
struct Job {
  const Problem &problem;
  const CommunicatorOptions &place;
  StarControl &control;
  Wire &wire;
};

/// The peers, what can be written by hand, and the bound. `Bench` is NodesDispatch or NodesCombine.
template <typename Bench, typename MakeWay>
void addWays(Methods &methods, Bench &bench, const Options &options, bool back, const MakeWay &makeWay) {
  auto add = [&](std::unique_ptr<Method> method, Dedupe dedupe) {
    method->linkBytes = double(bench.nodes.map.busiestLinkRows(dedupe) * bench.bytes);
    methods.push_back(std::move(method));
  };
  if (options.peers) {
    for (Staging staging : {Staging::Passes, Staging::Slices})
      for (Dedupe dedupe : {Dedupe::None, Dedupe::Rank})
        add(makeWay(bench, dedupe, staging), dedupe);
    add(makeWay(bench, Dedupe::Node, Staging::Passes), Dedupe::Node);
  }
  if (options.limits) {
    add(makeWay(bench, Dedupe::Node, Staging::Slices), Dedupe::Node);
    add(rawStream(bench.nodes, back), Dedupe::Node);
  }
}

template <typename Bench>
void addFaro(Methods &methods, std::unique_ptr<Method> faro, Op op, Bench &bench, Report &report, Control &control) {
  faro->linkBytes = report.across->dedupedBytes;
  faro->predictedMs = predictedMs(op, bench.problem, bench.nodes.map, *report.across, control);
  methods.push_back(std::move(faro));
}

Report measure(Op op, const Job &job) {
  const Options &options = job.problem.options;
  Report report{op, options, job.problem.ranks, {}, {}};
  report.across = Across{job.problem.nodes(), job.problem.ranksPerNode, options.linkMbit, 0};
  auto deduped = [&](const NodesBench &nodes) {
    report.across->dedupedBytes = double(nodes.map.busiestLinkRows(Dedupe::Node) * nodes.bytes);
  };
  Methods methods;
  if (op == Op::Combine) {
    NodesCombine bench(job.problem, job.control, job.wire);
    deduped(bench.nodes);
    addWays(methods, bench, options, true, combineWay);
    if (options.faro)
      addFaro(methods, faroCombine(bench, job.control, job.place), op, bench, report, job.control);
    report.results = runMethods(methods, bench, options.iterations, options.coldCaches, job.control);
    methods.clear();
  } else {
    NodesDispatch bench(job.problem, job.control, job.wire);
    deduped(bench.nodes);
    if (op == Op::Dispatch)
      addWays(methods, bench, options, false, dispatchWay);
    if (options.faro)
      addFaro(methods, faroDispatch(bench, job.control, job.place), op, bench, report, job.control);
    report.results = runMethods(methods, bench, options.iterations, options.coldCaches, job.control);
    methods.clear();
  }
  report.budgets = budgetsAcross(op, options, *report.across, report.results);
  return report;
}

/// Nodes of one size, with their ranks in blocks: what launchers do, and what these peers are written for.
int ranksPerNode(const CommunicatorOptions &place, Control &control) {
  if (!place.node)
    endJob("--nodes: the environment does not say which node this rank is on; set GROUP_RANK (scripts/nodes.sh does)");
  std::vector<int> nodeOf;
  for (const std::string &node : control.allgather(std::to_string(*place.node)))
    nodeOf.push_back(std::stoi(node));
  const int nodes = nodeOf.back() + 1, ranks = control.ranks;
  for (int r = 0; r < ranks; ++r)
    if (ranks % nodes != 0 || nodeOf[size_t(r)] != r / (ranks / nodes))
      endJob("--nodes: expected nodes of equal size, with their ranks one after the other");
  return ranks / nodes;
}

int runOps(const Options &options, const CommunicatorOptions &place, StarControl &control) {
  const Problem problem(options, control.rank, control.ranks, control.ranks / options.groups);
  Wire wire(control, ranksOfOtherNodes(problem));
  nlohmann::json runs = nlohmann::json::array();
  size_t wrong = 0;
  const std::vector<Op> ops = options.op == Op::All ? std::vector{Op::Dispatch, Op::Combine} : std::vector{options.op};
  for (Op op : ops) {
    const Report report = measure(op, {problem, place, control, wire});
    wrong += report.wrongRows();
    if (control.rank == 0) {
      printAcross(report);
      runs.push_back(toJson(report));
    }
  }
  if (control.rank == 0 && !options.json.empty())
    require(writeJson(options.json, runs), "writing the results");
  control.barrier();
  return wrong ? 1 : 0;
}

} // namespace

int runAcrossNodes(const Options &given) {
  const auto place = CommunicatorOptions::fromEnvironment();
  if (!place) {
    fmt::print(stderr, "faro-bench: {}\n", place.status().message());
    return 2;
  }
  if (given.op == Op::Jit || place->worldSize < 2 || !place->masterPort) {
    fmt::print(stderr, "faro-bench: --nodes: expected to be started once a rank with torchrun's variables, MASTER_PORT "
                       "among them; scripts/nodes.sh does it on one machine\n");
    return 2;
  }
  StarControl control(*place);
  Options options = given;
  options.groups = control.ranks / ranksPerNode(*place, control);
  if (const Status fits = checkRanks(options, control.ranks); !fits) {
    if (control.rank == 0)
      fmt::print(stderr, "faro-bench: {}\n", fits.message());
    return 2;
  }
  if (options.groups < 2)
    endJob("--nodes: all ranks are on one node");
  CodeCache cache;
  if (options.faro && options.module.empty())
    cache.share(control);
  return runOps(options, *place, control);
}

} // namespace faro::bench
