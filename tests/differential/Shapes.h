// Random programs and batches: the space in which every way of running a shuffle must agree with the reference.
#pragma once

#include "compiler/Interpreter/Reference.h"

#include <random>
#include <string>

namespace faro::differential {

/// How topk_idx is drawn.
enum class RoutingKind { Uniform, Zipf, OneExpert, EmptyRanks, Dropped, Repeated };

struct Shape {
  uint32_t ranks = 1;
  uint32_t nodes = 1; ///< neighbouring ranks, sizes as even as can be
  uint32_t topk = 1, experts = 1;
  uint64_t columns = 1;
  uint32_t align = 1;
  std::string element = "bf16";                ///< bf16, f16, f32
  std::string order = "expert, source, token"; ///< of the layout
  std::string placement = {};                  ///< "", "round_robin", or "table [...]"
  std::string partial = {};                    ///< "": the row's element; or "f32"
  RoutingKind routing = RoutingKind::Uniform;
  uint64_t largestBatch = 40; ///< tokens a rank; each draws its own number
  uint32_t seed = 1;

  std::string spec() const;
  std::string describe() const;
};

/// On one node.
Shape randomShape(uint32_t seed);

/// What one rank brings.
struct Input {
  reference::Routing routing;
  std::vector<float> weights;    ///< [tokens, topk]; NaN where the choice is dropped: it must not matter
  std::vector<std::byte> tokens; ///< compact rows, any bits: NaN, infinities, denormals too
};
Input makeInput(const Shape &shape, uint32_t rank);

} // namespace faro::differential
