#include "tests/bench/options.h"

#include "runtime/tools/faro-run/Numbers.h"
#include "runtime/tools/faro-run/OutputFile.h"
#include "tests/bench/routing.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <map>

namespace faro::bench {

static Status invalid(std::string message) { return Status(FARO_INVALID_ARGUMENT, std::move(message)); }

static Status checkRouting(const std::string &routing) {
  if (routing == "uniform" || routing == "single-node" || routing == "bimodal" || routing == "group-limited")
    return Status::ok();
  if (routing.rfind("zipf:", 0) == 0) {
    char *end = nullptr;
    const double s = std::strtod(routing.c_str() + 5, &end);
    if (end != routing.c_str() + 5 && *end == 0 && s >= 0 && s <= 10)
      return Status::ok();
    return invalid(fmt::format("--routing {}: expected zipf:S with 0 <= S <= 10", routing));
  }
  return invalid(
      fmt::format("--routing {}: expected uniform, zipf:S, single-node, bimodal, group-limited or real-like", routing));
}

static Status checkMethods(const std::string &list, Options &options) {
  options.peers = options.faro = options.limits = false;
  const std::map<std::string, bool *> known{
      {"peers", &options.peers}, {"faro", &options.faro}, {"limits", &options.limits}};
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    const auto found = known.find(name);
    if (found == known.end())
      return invalid(fmt::format("--methods: '{}' is not one of peers, faro, limits", name));
    *found->second = true;
    begin = end + 1;
  }
  return Status::ok();
}

/// "cpu", "cuda", "cuda:N" or "cuda:sm_N".
static Status checkDevice(const std::string &name, Options &options) {
  constexpr std::string_view Prefix = "cuda:", Architecture = "cuda:sm_";
  if (name == "cpu" || name == "cuda") {
    options.cudaDevice = name == "cuda" ? 0 : -1;
    return Status::ok();
  }
  const char *const end = name.data() + name.size();
  if (name.starts_with(Architecture)) {
    const auto [stop, error] = std::from_chars(name.data() + Architecture.size(), end, options.cudaArchitecture);
    if (error == std::errc() && stop == end && options.cudaArchitecture > 0)
      return Status::ok();
  }
  if (name.starts_with(Prefix)) {
    const auto [stop, error] = std::from_chars(name.data() + Prefix.size(), end, options.cudaDevice);
    if (error == std::errc() && stop == end && options.cudaDevice >= 0)
      return Status::ok();
  }
  return invalid(fmt::format("--device {}: expected cpu, cuda or cuda:N (N a number >= 0), and for --op jit also "
                             "cuda:sm_N",
                             name));
}

/// What goes with --device, and what does not.
static Status checkOnDevice(const Options &o) {
  if (o.cudaArchitecture && o.op != Op::Jit)
    return invalid(fmt::format("--device cuda:sm_{}: an architecture is enough for --op jit; rows need a device: "
                               "expected cuda or cuda:N",
                               o.cudaArchitecture));
  if (o.cudaDevice < 0)
    return o.multiprocessors       ? invalid("--multiprocessors is for --device cuda")
           : !o.torch.empty()      ? invalid("--torch is for --device cuda")
           : o.op == Op::RoundTrip ? invalid("--op round-trip is for --device cuda")
           : o.ranks == 0 ? Status::ok()
                          : invalid("--ranks is for --device cuda; on CPUs the launcher says how many ranks there are: "
                                    "mpirun -n N faro-bench");
  if (!o.torch.empty() && !o.peers)
    return invalid("--torch names a peer, and --methods leaves the peers out; leave out either");
  if (o.acrossNodes)
    return invalid("--device cuda is for one node in this release; leave --nodes out");
  return Status::ok();
}

Expected<Options> parseOptions(int argc, char **argv, std::string &help) {
  Options options;
  std::string element = "bf16", caches = "cold", methods = "peers,faro,limits", device = "cpu";
  const std::map<std::string, Op> ops{{"dispatch", Op::Dispatch},    {"combine", Op::Combine}, {"plan", Op::Plan},
                                      {"round-trip", Op::RoundTrip}, {"jit", Op::Jit},         {"all", Op::All}};

  CLI::App app("Faro against its MPI peers and the machine's bounds, in one run.\n"
               "Start it with mpirun (or scripts/bench.sh); --op jit, --nodes and --device cuda need no MPI.",
               "faro-bench");
  app.option_defaults()->always_capture_default();
  app.add_option("--op", options.op,
                 "dispatch, combine, plan, jit, or all (dispatch, then combine); with --device cuda also round-trip (a "
                 "dispatch and a combine as one), and all of them but jit")
      ->transform(CLI::CheckedTransformer(ops))
      ->default_str("all");
  const int most = 1 << 24;
  app.add_option("--tokens", options.tokens, "tokens of each rank")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, most));
  app.add_option("--hidden", options.hidden, "elements of a row")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, most));
  app.add_option("--experts", options.experts, "experts of the job, in blocks over the ranks")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 65535));
  app.add_option("--topk", options.topk, "experts of a token")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, MaxTopk));
  app.add_option("--dtype", element, "bf16, f16 or f32")->check(CLI::IsMember({"bf16", "f16", "f32"}));
  app.add_option("--routing", options.routing,
                 "uniform, zipf:S, single-node, bimodal, group-limited or real-like (the same)");
  app.add_option("--groups", options.groups,
                 "groups of ranks that count as nodes to --routing single-node (with --nodes: the nodes)")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 64));
  app.add_option("--align", options.align, "rows; each expert's group starts at a multiple")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 4096));
  app.add_option("--iterations", options.iterations, "measured ones, after a warm-up")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 10000));
  app.add_option("--caches", caches,
                 "cold: flushed before each measurement; warm: as the last method left them (on a device: as the same "
                 "work, done right before, leaves them)")
      ->check(CLI::IsMember({"cold", "warm"}));
  app.add_flag(
      "--nodes", options.acrossNodes,
      "across nodes, against peers over UCX: started once a rank with torchrun's variables (scripts/nodes.sh)");
  app.add_option(
      "--device", device,
      "where rows are: cpu, cuda or cuda:N; on a device, against peers made of the module's own kernels. With "
      "--op jit what is compiled for, cuda:sm_90 and others too, which need no device");
  app.add_option("--ranks", options.ranks, "with --device cuda: ranks, which are threads that share it (default 1)")
      ->default_str("")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 64));
  app.add_option("--multiprocessors", options.multiprocessors,
                 "with --device cuda: how many of the device's kernels may fill (default all)")
      ->default_str("")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 4096));
  app.add_option("--torch", options.torch,
                 "with --device cuda: a Python that can import torch, which is then measured as a peer");
  app.add_option("--torch-device", options.torchDevice,
                 "cuda: the same device; cpu: to try it where torch has none, its times say nothing then")
      ->check(CLI::IsMember({"cuda", "cpu"}));
  app.add_option("--torch-timeout", options.torchTimeout, "seconds until torch must have answered; it compiles, too")
      ->transform(run::decimalNumber())
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--link-mbit", options.linkMbit, "with --nodes: rate of a node's links together; 0: not limited")
      ->envname("FARO_LINK_MBIT")
      ->transform(run::decimalNumber())
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--slice-rows", options.sliceRows, "with --nodes: rows of a slice of the peers, at most")
      ->transform(run::wholeNumber())
      ->check(CLI::Range(1, 20));
  app.add_option("--methods", methods, "which take part: a list of peers, faro, limits");
  app.add_option("--module", options.module, "a module made by faroc for this shape, instead of compiling just in time")
      ->check(CLI::ExistingFile);
  app.add_option("--json", options.json, "also write the results to this file");
  app.add_option("--seed", options.seed, "of tokens, weights and routing")->transform(run::wholeNumber());
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    help = app.help();
    return options;
  } catch (const CLI::ParseError &error) {
    return invalid(error.what());
  }
  options.element = *elementNamed(element);
  options.coldCaches = caches == "cold";
  if (options.routing == "real-like") // FUSCO's name of it
    options.routing = "group-limited";
  FARO_RETURN_IF_ERROR(checkRouting(options.routing));
  FARO_RETURN_IF_ERROR(checkMethods(methods, options));
  FARO_RETURN_IF_ERROR(checkDevice(device, options));
  FARO_RETURN_IF_ERROR(checkOnDevice(options));
  // Before anything is measured for it.
  if (!options.json.empty())
    if (const auto file = run::TextFile::open(options.json); !file)
      return invalid("--json " + file.status().message());
  if (options.topk > options.experts)
    return invalid(fmt::format("--topk {} is more than --experts {}", options.topk, options.experts));
  if (options.items() >= size_t(1) << 31)
    return invalid(fmt::format("--tokens {} x --topk {} is more than 2^31 items", options.tokens, options.topk));
  return options;
}

Status checkRanks(const Options &options, int ranks) {
  if (options.routing != "single-node")
    return Status::ok();
  if (ranks % options.groups != 0)
    return invalid(
        fmt::format("--groups {} does not divide the {} ranks (--routing single-node)", options.groups, ranks));
  const Placement placement{options.experts, ranks};
  const int each = ranks / options.groups;
  int fewest = options.experts;
  for (int group = 0; group < options.groups; ++group)
    fewest = std::min(fewest, placement.first((group + 1) * each) - placement.first(group * each));
  if (options.topk > fewest)
    return invalid(fmt::format("--routing single-node: {} groups hold as few as {} experts each, fewer than --topk {}",
                               options.groups, fewest, options.topk));
  return Status::ok();
}

} // namespace faro::bench
