// The command line of faro-bench.
#pragma once

#include "faro/status.h"
#include "tests/bench/element.h"

#include <cstdint>
#include <string>

namespace faro::bench {

constexpr int MaxTopk = 64; ///< FARO_ABI_MAX_TOPK, as an array bound

enum class Op { Dispatch, Combine, Plan, RoundTrip, Jit, All };

struct Options {
  Op op = Op::All;
  int tokens = 1024; ///< per rank
  int hidden = 7168;
  int experts = 64;
  int topk = 8;
  Element element = Element::Bf16;
  std::string routing = "uniform"; ///< uniform | zipf:S | single-node | bimodal | group-limited
  int groups = 2;                  ///< groups of ranks that count as a node to the routing single-node
  int align = 1;                   ///< rows; each expert's group starts at a multiple of it
  int iterations = 11;
  bool coldCaches = true;
  bool peers = true, faro = true, limits = true; ///< which methods take part
  bool acrossNodes = false;                      ///< ranks on several nodes, from the environment, without MPI
  int multiprocessors = 0;                       ///< of the device that kernels may fill; 0: all
  int cudaDevice = -1;                           ///< where rows are, without MPI; -1: on the host
  uint32_t cudaArchitecture = 0;                 ///< to compile for without a device, 90 for sm_90; 0: none
  int ranks = 0;                                 ///< on a device: threads of this process; 0: one
  std::string torch;                             ///< on a device: a Python with torch, which is a peer; empty: none
  std::string torchDevice = "cuda";              ///< cuda: the same device; cpu: to try it without one
  double torchTimeout = 600;                     ///< seconds that any answer of it may take
  double linkMbit = 0;                           ///< rate of each node's link, both ways; 0: not known, or not limited
  int sliceRows = 8;                             ///< of the peers across nodes
  std::string module;                            ///< a .so made by faroc; empty: just in time
  std::string json;                              ///< empty: the table only
  uint64_t seed = 1;

  /// Whether stores past the cache are the best way by far, so that limits with plain stores, or with shorter blocks,
  /// are no bounds: counting the fastest of several would only pick the luckiest.
  bool streams() const { return coldCaches && rowBytes() >= 512; }
  size_t rowBytes() const { return size_t(hidden) * elementSize(element); }
  size_t items() const { return size_t(tokens) * size_t(topk); }
};

/// What the command line asks for. `help` is filled, and nothing else matters, when it asks for help.
/// Errors: INVALID_ARGUMENT, naming the option.
Expected<Options> parseOptions(int argc, char **argv, std::string &help);

/// INVALID_ARGUMENT when the options do not fit so many ranks.
Status checkRanks(const Options &options, int ranks);

} // namespace faro::bench
