// Token layouts as plain algebra. No MLIR here: the dialect, the interpreter and the tests share these few functions.
//
// An *item* is one routed copy (source rank s, token t, choice k) with expert e = topk_idx[s][t][k]. Two maps say where
// it goes:
//
//   placement : expert -> (rank, local expert)            a bijection for a given number of ranks
//   layout    : the items of a rank -> rows of that rank  injective; what no item maps to is padding
//
// Example: 5 experts, block placement on 2 ranks: rank 0 holds experts 0 1 2, rank 1 holds 3 4. Rank 0 receives, with
// order [expert, source, token] and align 4:
//
//   row      0        1        2   3    4        5   6   7     8
//   item  e0 s0 t0 e0 s0 t2 e0 s1 t0 -  e1 s1 t5 -   -   -     e2 s0 t1 ...
//
// The last group is padded like the others, so that the number of rows is a multiple of align.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace faro::layout {

enum class Key : uint8_t { Expert = 0, Source = 1, Token = 2, Choice = 3 };

const char *keyName(Key key);
std::optional<Key> keyFromName(std::string_view name);

struct Item {
  uint32_t expert = 0, source = 0, token = 0, choice = 0;
  bool operator==(const Item &) const = default;
};

/// The value of one key of an item.
uint32_t valueOf(const Item &item, Key key);

//===-------------------------------------------------------------- order ---===//

/// A total order of items: all four keys, most significant first.
class Order {
public:
  /// Completes a prefix by the tie rule: the missing keys follow as source, token, choice, expert. Nothing when a key
  /// is named twice or the prefix is empty.
  static std::optional<Order> complete(std::span<const Key> prefix);
  /// [source, token, choice, expert]: the model's own order.
  static Order tokenMajor();

  const std::array<Key, 4> &keys() const { return keys_; }
  Key first() const { return keys_[0]; }
  /// Lexicographic by keys().
  bool less(const Item &a, const Item &b) const;
  /// Whether a rank can place its items knowing only how many items each source has (per expert where `expert` comes
  /// before `source`): neither token nor choice comes before source.
  bool placeableByCounts() const;
  bool operator==(const Order &) const = default;

private:
  std::array<Key, 4> keys_{Key::Source, Key::Token, Key::Choice, Key::Expert};
};

//===---------------------------------------------------------- placement ---===//

/// Which rank holds which expert, for any number of ranks.
class Placement {
public:
  enum class Kind : uint8_t { Block = 0, RoundRobin = 1, Table = 2 };

  static Placement block(uint32_t experts) { return Placement(Kind::Block, experts, {}); }
  static Placement roundRobin(uint32_t experts) { return Placement(Kind::RoundRobin, experts, {}); }
  /// ranks[e] is the rank of expert e.
  static Placement table(std::vector<uint32_t> ranks) {
    const uint32_t experts = uint32_t(ranks.size());
    return Placement(Kind::Table, experts, std::move(ranks));
  }

  Kind kind() const { return kind_; }
  uint32_t experts() const { return experts_; }
  const std::vector<uint32_t> &ranksOfTable() const { return table_; }

  /// A table names ranks: all of them must exist.
  bool fits(uint32_t ranks) const;
  /// The rank of an expert. Requires expert < experts() and fits(ranks).
  uint32_t owner(uint32_t expert, uint32_t ranks) const;
  /// The experts of a rank, in the order of their local index.
  std::vector<uint32_t> expertsOf(uint32_t rank, uint32_t ranks) const;
  bool operator==(const Placement &) const = default;

private:
  Placement(Kind kind, uint32_t experts, std::vector<uint32_t> table)
      : kind_(kind), experts_(experts), table_(std::move(table)) {}
  Kind kind_;
  uint32_t experts_;
  std::vector<uint32_t> table_;
};

//===-------------------------------------------------------------- layout ---===//

struct Layout {
  Order order;
  uint32_t align = 1; ///< rows; >= 1
  bool operator==(const Layout &) const = default;
};

/// The rows of one rank: the layout's map and its inverse, for one batch.
struct RankRows {
  std::vector<std::optional<Item>> rows; ///< row -> item; nothing: padding
  std::vector<uint64_t> groupStarts;     ///< groups + 1: where each group of the first key starts

  /// The row of an item. The inverse of `rows`, by search: this is the slow, obvious side.
  std::optional<uint64_t> find(const Item &item) const;
};

/// Lays out `items` (of one rank, any order). Groups are the local experts of `rank` when the first key is `expert`,
/// the source ranks when it is `source`; for the other keys each value that occurs is a group. Postcondition: every
/// item has exactly one row; rows are ascending in `order`; every group starts at a multiple of align; rows.size() ==
/// groupStarts.back().
RankRows layOut(const Layout &layout, const Placement &placement, uint32_t ranks, uint32_t rank,
                std::vector<Item> items);

} // namespace faro::layout
