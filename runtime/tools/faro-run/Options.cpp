#include "runtime/tools/faro-run/Options.h"
#include "runtime/tools/faro-run/Numbers.h"
#include "runtime/tools/faro-run/Say.h"

#include "faro/faro.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace faro::run {

namespace {

std::string versionText() { return fmt::format("faro-run {}", faro_version()); }

constexpr const char *Footer = R"(
PROGRAM is a spec (compiled just in time) or a shared library that faroc made.

Input: DIR/rank<r>.safetensors with tokens [T, H] in the program's type, topk_idx [T, K] I64 (-1 drops a choice) and
topk_weights [T, K] F32. Output: DIR/rank<r>.safetensors with recv, recv_source, expert_offsets, expert_counts and
combined; written only when every rank has succeeded.

Without --ranks and under torchrun, mpirun or srun, this process is one rank of that job.

Exit status: 0 all is well, 1 something failed, 2 the command line makes no sense, 128 + n stopped by signal n.)";

template <typename T> std::optional<T> parseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

} // namespace

std::optional<RoutingKind> RoutingKind::parse(const std::string &text) {
  if (text == "uniform")
    return RoutingKind{Uniform, 1};
  if (text == "single-node")
    return RoutingKind{SingleNode, 1};
  if (text == "bimodal")
    return RoutingKind{Bimodal, 1};
  if (text.rfind("zipf:", 0) == 0)
    if (auto exponent = parseNumber<double>(std::string_view(text).substr(5)))
      if (std::isfinite(*exponent) && *exponent >= 0)
        return RoutingKind{Zipf, *exponent};
  return std::nullopt;
}

std::string RoutingKind::name() const {
  switch (kind) {
  case Uniform:
    return "uniform";
  case Zipf:
    return fmt::format("zipf:{}", exponent);
  case SingleNode:
    return "single-node";
  case Bimodal:
    return "bimodal";
  }
  return "unknown";
}

/// -1 for "cpu", N for "cuda:N", 0 for "cuda".
static std::optional<int> parseDevice(std::string_view text) {
  if (text == "cpu")
    return -1;
  if (text == "cuda")
    return 0;
  constexpr std::string_view Prefix = "cuda:";
  int number = 0;
  if (!text.starts_with(Prefix))
    return std::nullopt;
  text.remove_prefix(Prefix.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0 ? std::optional(number) : std::nullopt;
}

/// What was asked for; returns the exit status.
static int print(const std::string &text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  CLI::App app{"Runs a Faro program (token dispatch and combine) on local ranks, checks and times it.", "faro-run"};
  app.footer(Footer);
  app.set_version_flag("--version", versionText());
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);

  uint32_t ranks = 0;
  std::string transport, seed = "0", routing = "uniform", expertsFn = "identity", device = "cpu", plan = "host", wire;
  app.add_option("PROGRAM", options.program, "A spec (.mlir) or a shared library made by faroc (.so)")
      ->type_name("")
      ->required();
  auto *ranksOption = app.add_option("--ranks", ranks, fmt::format("Ranks to start, 1 to {}", MostRanks))
                          ->type_name("N")
                          ->transform(wholeNumber())
                          ->check(CLI::Range(1u, MostRanks));
  auto *nodesOption =
      app.add_option("--nodes", options.nodes, "Nodes to split the ranks into, which share no memory (default 1)")
          ->type_name("M")
          ->transform(wholeNumber())
          ->check(CLI::Range(1u, MostRanks));
  auto *transportOption = app.add_option("--transport", transport,
                                         "ucx (default), or another plugin's name: a process per rank; local: a thread")
                              ->type_name("NAME");
  app.add_option("--device", device, "Where rows are: cpu (default), cuda or cuda:N (a device of this machine)")
      ->type_name("KIND");
  app.add_option("--plan", plan,
                 "Where each batch is planned: host (default), or device: by kernels (with --device cuda)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"host", "device"}));
  app.add_option("--wire", wire, "What is between nodes, for the slices of a spec: tcp (default) or rdma")
      ->type_name("KIND")
      ->check(CLI::IsMember({"tcp", "rdma"}));
  auto *inputOption =
      app.add_option("--input", options.input, "Folder to read rank<r>.safetensors from; without it, input is made up")
          ->type_name("DIR");
  auto *outputOption =
      app.add_option("--output", options.output, "Folder to write rank<r>.safetensors to")->type_name("DIR");
  auto *routingOption =
      app.add_option("--routing", routing, "Made-up routing: uniform (default), zipf:S, single-node or bimodal")
          ->type_name("KIND");
  auto *tokensOption = app.add_option("--tokens", options.tokens, "Made-up tokens per rank (default 1024)")
                           ->type_name("T")
                           ->transform(wholeNumber())
                           ->check(CLI::Range(int64_t(0), int64_t(INT32_MAX)));
  app.add_option("--experts-fn", expertsFn,
                 "What experts do: identity (default), or scale: row of expert e times (e mod 8 + 1) / 8")
      ->type_name("KIND")
      ->check(CLI::IsMember({"identity", "scale"}));
  app.add_option("--repeat", options.repeat, "Times to run it (default 1)")
      ->type_name("K")
      ->transform(wholeNumber())
      ->check(CLI::Range(1, 1000000));
  app.add_flag("--verify", options.verify, "Compare every byte of every run with the reference interpreter");
  auto *traceOption = app.add_option("--trace", options.trace, "File for a trace of all ranks (Chrome/Perfetto JSON)")
                          ->type_name("FILE");
  app.add_option("--timeout", options.timeout, "Seconds after which everything is given up (default 300)")
      ->type_name("S")
      ->transform(decimalNumber())
      ->check(CLI::Range(0.01, 1e6));
  auto *jsonOption = app.add_option("--json", options.json, "File for the figures, for machines")->type_name("FILE");
  auto *seedOption = app.add_option("--seed", seed, "Seed of the made-up input (default 0)")->type_name("S");
  app.add_option("--internal-child", options.child)->group("");

  const auto usage = [](const std::string &message) {
    say("faro-run: {}\nTry 'faro-run --help'.\n", message);
    return 2;
  };
  for (int i = 1; i < argc; ++i) // or it would take what comes next for its value
    if (const std::string_view word = argv[i]; word.starts_with("--") && word.ends_with("=")) {
      say("faro-run: {}: expected a value behind it\n", word);
      return 2;
    }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    return print(app.help());
  } catch (const CLI::CallForVersion &) {
    return print(versionText() + "\n");
  } catch (const CLI::ParseError &error) {
    return usage(error.what());
  }

  for (const CLI::Option *path : {inputOption, outputOption, traceOption, jsonOption})
    if (path->count() && path->as<std::string>().empty())
      return usage(fmt::format("{}: expected a {}, found nothing", path->get_name(), path->get_type_name()));
  if (const auto [end, error] = std::from_chars(seed.data(), seed.data() + seed.size(), options.seed);
      error != std::errc() || end != seed.data() + seed.size())
    return usage(fmt::format("--seed: '{}' is no whole number from 0 to {}", seed, UINT64_MAX));
  if (ranksOption->count())
    options.ranks = ranks;
  if (transportOption->count())
    options.transport = transport;
  options.tokensGiven = tokensOption->count();
  options.routingGiven = routingOption->count();
  options.seedGiven = seedOption->count();
  options.expertsFn = expertsFn == "scale" ? ExpertsFn::Scale : ExpertsFn::Identity;
  if (auto kind = RoutingKind::parse(routing))
    options.routing = *kind;
  else
    return usage(
        fmt::format("--routing: '{}' is none of uniform, zipf:S (S a number >= 0), single-node, bimodal", routing));
  if (const std::optional<int> number = parseDevice(device))
    options.cudaDevice = *number;
  else
    return usage(fmt::format("--device: '{}' is none of cpu, cuda, cuda:N (N a number >= 0)", device));
  options.planOnDevice = plan == "device";
  if (!wire.empty())
    options.wire = wire == "rdma" ? WireKind::Rdma : WireKind::Tcp;
  if (options.planOnDevice && options.cudaDevice < 0)
    return usage("--plan device: kernels plan where the rows are; give --device cuda as well");
  if (options.planOnDevice && options.nodes > 1)
    return usage(fmt::format("--plan device is for one node, and --nodes says {}; leave out either", options.nodes));
  if (options.ranks && options.nodes > *options.ranks)
    return usage(fmt::format("--nodes {}: there are only {} ranks (--ranks) to split", options.nodes, *options.ranks));
  if (!options.ranks && nodesOption->count())
    return usage("--nodes splits the ranks of --ranks, which is missing; under a launcher, its own nodes are used");
  return options;
}

} // namespace faro::run
