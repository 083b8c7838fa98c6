#include "tests/bench/nodes/run_nodes.h"

#include "tests/bench/code_cache.h"
#include "tests/bench/nodes/combine_ways.h"
#include "tests/bench/nodes/dispatch_ways.h"
#include "tests/bench/nodes/mpi_peers.h"
#include "tests/bench/nodes/prediction.h"
#include "tests/bench/nodes/raw_stream.h"
#include "tests/bench/nodes/star_control.h"
#include "tests/bench/report.h"
#include "tests/bench/require.h"

#include <algorithm>
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
  MpiPeers mpi;
};

/// The peers, this project, what can be written by hand, and the bound. `Bench` is NodesDispatch or NodesCombine.
template <typename Bench> class Entries {
public:
  using MakeWay = std::unique_ptr<Method> (*)(Bench &, Dedupe, Staging);
  using MakeFaro = std::unique_ptr<Method> (*)(typename Bench::Data &, Control &, const CommunicatorOptions &);

  Entries(Op o, const Job &j, Report &r)
      : op(o), job(j), report(r), bench(j.problem, j.control, j.wire), map(bench.nodes.map) {
    report.across =
        Across{j.problem.nodes(), j.problem.ranksPerNode, j.problem.options.linkMbit, linkBytes(Dedupe::Node)};
  }

  void addPeers(MakeWay makeWay) {
    for (Staging staging : {Staging::Passes, Staging::Slices})
      for (Dedupe dedupe : {Dedupe::None, Dedupe::Rank})
        add(makeWay(bench, dedupe, staging), dedupe);
    add(makeWay(bench, Dedupe::Node, Staging::Passes), Dedupe::Node);
    mpi = op == Op::Combine ? job.mpi.addCombine(methods, job.problem, map)
                            : job.mpi.addDispatch(methods, job.problem, map);
  }

  void addFaro(MakeFaro makeFaro) {
    auto faro = makeFaro(bench, job.control, job.place);
    faro->predictedMs = predictedMs(op, job.problem, map, *report.across, job.control);
    add(std::move(faro), Dedupe::Node);
  }

  void addLimits(MakeWay makeWay) {
    add(makeWay(bench, Dedupe::Node, Staging::Slices), Dedupe::Node);
    add(rawStream(bench.nodes), Dedupe::Node);
  }

  void run() {
    Workspaces all({&bench, mpi.get()});
    const Options &options = job.problem.options;
    report.results = runMethods(methods, all, options.iterations, options.coldCaches, job.control);
  }

private:
  double linkBytes(Dedupe dedupe) const { return double(map.busiestLinkRows(dedupe) * bench.nodes.bytes); }
  void add(std::unique_ptr<Method> method, Dedupe dedupe) {
    method->linkBytes = linkBytes(dedupe);
    methods.push_back(std::move(method));
  }

  const Op op;
  const Job &job;
  Report &report;
  Bench bench;
  const RowMap &map;
  std::unique_ptr<Workspace> mpi;
  Methods methods; // the last to come and the first to go: they refer to the others
};

template <typename Bench>
void measureAll(Op op, const Job &job, Report &report, typename Entries<Bench>::MakeWay way,
                typename Entries<Bench>::MakeFaro faro) {
  const Options &options = job.problem.options;
  const bool planning = op == Op::Plan;
  Entries<Bench> entries(op, job, report);
  if (options.peers && !planning)
    entries.addPeers(way);
  if (options.faro)
    entries.addFaro(faro);
  if (options.limits && !planning)
    entries.addLimits(way);
  entries.run();
}

Report measure(Op op, const Job &job) {
  Report report{op, job.problem.options, job.problem.ranks, {}, {}};
  if (op == Op::Combine)
    measureAll<NodesCombine>(op, job, report, combineWay, faroCombine);
  else
    measureAll<NodesDispatch>(op, job, report, dispatchWay, faroDispatch);
  report.budgets = budgetsAcross(op, report.options, *report.across, report.results);
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
  const Job job{problem, place, control, wire, MpiPeers(control)};
  nlohmann::json runs = nlohmann::json::array();
  size_t wrong = 0;
  const std::vector<Op> ops = options.op == Op::All ? std::vector{Op::Dispatch, Op::Combine} : std::vector{options.op};
  for (Op op : ops) {
    const Report report = measure(op, job);
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
  options.sliceRows = std::clamp(int(Wire::MostSliceBytes / options.rowBytes()), 1, options.sliceRows);
  if (options.groups < 2)
    endJob("--nodes: all ranks are on one node");
  CodeCache cache;
  if (options.faro && options.module.empty())
    cache.share(control);
  return runOps(options, *place, control);
}

} // namespace faro::bench
