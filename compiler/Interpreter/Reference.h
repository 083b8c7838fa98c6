// The reference interpreter: what each operation means, for all ranks, slowly and obviously. It knows no MLIR, no
// kernels, no plan and no transport; everything else is compared with it.
//
//   MLIR operation ─┐
//                   ├─► reference::Program ─► dispatch(), combine()
//   module table  ──┘
#pragma once

#include "dialect/Layout/Layout.h"
#include "runtime/abi/faro_abi.h"

#include <cstddef>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace faro::reference {

enum class Element : uint8_t { BF16 = 1, F16 = 2, F32 = 3 };
uint64_t bytesOf(Element element);

/// One shuffle between tokens of every rank and rows of every rank's experts.
struct Program {
  std::string name;
  bool isDispatch = true;
  Element element = Element::BF16;
  Element partial = Element::BF16; ///< of a node's share of a sum; combines only, a dispatch has its element here
  uint64_t columns = 0;
  layout::Layout layout;
  layout::Placement placement = layout::Placement::block(1);
  uint32_t topk = 0;
  bool operator==(const Program &) const = default;
  uint64_t rowBytes() const { return columns * bytesOf(element); }
};

/// Reads a program table of a module (already checked by the loader, or just made by the compiler).
Program fromAbi(const faro_abi_program &program);

/// topk_idx of one source rank: [tokens, topk].
struct Routing {
  std::vector<int64_t> topkIdx;
  uint64_t tokens = 0;
};

/// A dropped choice (-1) is no error; anything else outside [0, experts) is: the message says which rank, token,
/// choice.
std::string checkRouting(const Program &program, uint32_t source, const Routing &routing);

/// What `rank` receives.
struct Dispatched {
  layout::RankRows rows;
  std::vector<int64_t> expertOffsets; ///< local experts + 1; empty unless the layout is expert-first
  std::vector<int64_t> expertCounts;  ///< local experts
};
Dispatched dispatch(const Program &program, uint32_t rank, const std::vector<Routing> &routingOfSource);

/// out = round(sum over k of weights[k] x rows[k]), each product rounded to f32 and then added, in the order given,
/// starting from +0; a NaN becomes the one quiet NaN. Null rows are dropped choices, whose weights are not looked at.
void combineRow(const Program &program, const std::vector<const std::byte *> &rows, const float *weights,
                std::byte *out);

/// Which node each of the job's ranks is on, any labels; at least one rank. Nodes stand in the order of their smallest
/// ranks.
using NodeOfRank = std::vector<uint32_t>;

/// The same for a job that may have several nodes. `experts[k]` is choice k, or -1; it says on which node rows[k] lies.
/// The rows of each node that has some are summed as above and rounded once to program.partial; these shares are then
/// added in the order of the nodes, from +0, and rounded once to the element. When all ranks are on one node, there are
/// no shares: the definition above.
void combineRow(const Program &program, const NodeOfRank &nodeOfRank, const int64_t *experts,
                const std::vector<const std::byte *> &rows, const float *weights, std::byte *out);

/// Single values, for experts' functions and tests: to f32 exactly; from f32 to nearest even, NaN to the quiet NaN.
float toFloat(Element element, const std::byte *value);
void fromFloat(Element element, float value, std::byte *out);

} // namespace faro::reference
