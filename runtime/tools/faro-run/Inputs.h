// What the ranks start from: tokens, routing and weights of every rank, from files or made up.
//
// Any rank can get the input of any other: the check of results needs it, and nothing has to be sent for that.
#pragma once

#include "compiler/Interpreter/Reference.h"
#include "faro/status.h"
#include "faro/topology.h"
#include "runtime/tools/faro-run/Options.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace faro::run {

/// What a program expects of an input.
struct InputShape {
  reference::Program program; ///< the dispatch
  Topology topology = Topology::oneNode(1);
  bool needsWeights = true; ///< there is a combine
  uint32_t ranks() const { return topology.ranks(); }
};

/// One rank's input.
struct RankInput {
  reference::Routing routing;       ///< topk_idx [tokens, topk], every entry in [-1, experts)
  std::vector<float> weights;       ///< [tokens, topk]; empty where nobody needs them
  const std::byte *rows = nullptr;  ///< [tokens, columns], side by side, of any alignment; null when not asked for
  std::shared_ptr<const void> keep; ///< owns the rows
  uint64_t tokens() const { return routing.tokens; }
};

/// Immutable: any thread may use it.
class Inputs {
public:
  virtual ~Inputs() = default;

  /// Checks all that can be found wrong before any rank has started.
  virtual Status check() const = 0;

  /// Errors name the file, rank, token and choice, what was expected and what was found.
  virtual Expected<RankInput> read(uint32_t rank, bool withRows) const = 0;

  /// One row of a rank, whose input has been read with or without rows; lies in the input or is made in `scratch`.
  virtual const std::byte *row(uint32_t rank, const RankInput &input, uint64_t token, std::byte *scratch) const = 0;

  /// For people: "1024 tokens a rank, uniform routing, seed 0".
  virtual std::string describe() const = 0;
};

/// rank<r>.safetensors of a folder.
std::unique_ptr<Inputs> fileInputs(const std::string &folder, const InputShape &shape);

/// A function of (seed, rank): tokens are random finite numbers with magnitudes from 2^-8 to 1, weights are positive
/// and sum to 1, experts of one token differ.
std::unique_ptr<Inputs> generatedInputs(int64_t tokens, RoutingKind routing, uint64_t seed, const InputShape &shape);

/// Made-up topk_idx of one rank (Routing.cpp).
std::vector<int64_t> generateRouting(int64_t tokens, RoutingKind routing, uint64_t seed, uint32_t rank,
                                     const InputShape &shape);

/// "BF16", "F16" or "F32", as safetensors writes it.
const char *dtypeName(reference::Element element);

} // namespace faro::run
