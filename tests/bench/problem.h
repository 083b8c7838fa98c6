// One rank's view of the shuffle, the data in it, and what must come out.
#pragma once

#include "tests/bench/options.h"
#include "tests/bench/routing.h"

#include <vector>

namespace faro::bench {

/// One routed copy: choice `choice` of token `token` of rank `source`. A padding row has source -1.
struct Item {
  int source, token, choice;
};

struct Problem {
  Options options;
  int rank = 0, ranks = 1;
  Placement placement;
  std::vector<int32_t> topk;  ///< this rank's routing [tokens, topk]
  std::vector<float> weights; ///< beside topk
  /// What must lie in each row of this rank's experts: (local expert, source, token, choice), each expert's group
  /// padded to a multiple of `align` rows. The slow, obvious way, straight from all ranks' routings.
  std::vector<Item> received;

  int ranksPerNode = 1;

  /// `perNode` divides `worldSize`.
  Problem(const Options &options, int rank, int worldSize, int perNode);
  int nodes() const { return ranks / ranksPerNode; }
  int nodeOf(int anyRank) const { return anyRank / ranksPerNode; }
  size_t rowBytes() const { return options.rowBytes(); }
  size_t tokens() const { return size_t(options.tokens); }
  size_t topkSize() const { return size_t(options.topk); }
};

/// `received` of any rank.
std::vector<Item> expertRows(const Options &options, const Placement &placement, int rank);

/// The contents of a row: finite values with 0.5 <= |v| < 2 that depend on source, token and choice. Tokens use choice
/// 0; rows of experts use the item's own, so that a row taken for another of the same token is noticed.
class RowPattern {
public:
  RowPattern(Element element, int source, int token, int choice);
  void fill(void *row, size_t bytes) const;
  bool matches(const void *row, size_t bytes) const;
  uint32_t bits(size_t column) const;

private:
  uint64_t word(size_t index) const; ///< eight bytes of the row

  Element element;
  uint64_t base, keep, set;
};

/// Whether all `bytes` of the row are zero.
bool isZero(const void *row, size_t bytes);

} // namespace faro::bench
