// The command line of faro-run.
#pragma once

#include "faro/module.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace faro::run {

/// How tokens choose their experts when faro-run makes the input.
struct RoutingKind {
  enum Kind : uint8_t { Uniform, Zipf, SingleNode, Bimodal } kind = Uniform;
  double exponent = 1; ///< of zipf

  /// "uniform", "zipf:S", "single-node" or "bimodal".
  static std::optional<RoutingKind> parse(const std::string &text);
  std::string name() const;
};

enum class ExpertsFn : uint8_t { Identity, Scale };

/// That faro-run starts.
constexpr uint32_t MostRanks = 1024;

struct Options {
  std::string program;
  std::optional<uint32_t> ranks; ///< nothing: one rank of a job that a launcher started
  uint32_t nodes = 1;            ///< at most `ranks`; only with them
  std::optional<std::string> transport;
  int cudaDevice = -1;          ///< -1: the host
  bool planOnDevice = false;    ///< by kernels; only with a device, on one node
  std::optional<WireKind> wire; ///< that a spec is compiled for
  std::string input, output;
  RoutingKind routing;
  int64_t tokens = 1024; ///< per rank
  ExpertsFn expertsFn = ExpertsFn::Identity;
  uint32_t repeat = 1;
  bool verify = false;
  std::string trace, json;
  double timeout = 300; ///< seconds, for everything
  uint64_t seed = 0;
  bool tokensGiven = false, routingGiven = false, seedGiven = false;
  /// What a parent tells the ranks that it starts (Child.h); empty in a process that a person started.
  std::string child;
};

/// The options, or the exit status of a program that has already said what there is to say (0 after --help).
std::variant<Options, int> parseOptions(int argc, char **argv);

} // namespace faro::run
