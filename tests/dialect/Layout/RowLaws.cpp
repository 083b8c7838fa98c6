// Rows are an injective image of the items; find is the inverse; groups are aligned.
#include "dialect/Layout/Layout.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace faro::layout;

namespace {
struct Case {
  Placement placement = Placement::block(1);
  uint32_t ranks = 1;
  std::vector<std::vector<Item>> itemsOfRank;
};
} // namespace

static Case randomCase(uint32_t seed) {
  std::mt19937 random(seed);
  Case c;
  const uint32_t experts = 1 + random() % 9, topk = 1 + random() % std::min(experts, 4u);
  c.ranks = 1 + random() % 5;
  c.placement = random() % 2 ? Placement::block(experts) : Placement::roundRobin(experts);
  c.itemsOfRank.resize(c.ranks);
  for (uint32_t s = 0; s < c.ranks; ++s)
    for (uint32_t t = 0, tokens = random() % 7; t < tokens; ++t)
      for (uint32_t k = 0; k < topk; ++k)
        if (const uint32_t e = random() % (experts + 1); e < experts)
          c.itemsOfRank[c.placement.owner(e, c.ranks)].push_back({e, s, t, k});
  return c;
}

template <typename Check> static void forAllCases(Check check) {
  std::array<Key, 4> keys = {Key::Expert, Key::Source, Key::Token, Key::Choice};
  uint32_t seed = 0;
  do
    for (uint32_t align : {1u, 2u, 3u, 8u})
      for (int repeat = 0; repeat < 5; ++repeat) {
        const Case c = randomCase(++seed);
        const Layout layout{*Order::complete(keys), align};
        for (uint32_t rank = 0; rank < c.ranks; ++rank)
          check(layout, c, rank, layOut(layout, c.placement, c.ranks, rank, c.itemsOfRank[rank]));
      }
  while (std::next_permutation(keys.begin(), keys.end()));
}

TEST(Rows, findInvertsRows) {
  forAllCases([](const Layout &, const Case &c, uint32_t rank, const RankRows &rows) {
    for (const Item &item : c.itemsOfRank[rank]) {
      const auto row = rows.find(item);
      ASSERT_TRUE(row);
      EXPECT_EQ(rows.rows[*row], item);
    }
    const auto filled = std::count_if(rows.rows.begin(), rows.rows.end(), [](const auto &r) { return r.has_value(); });
    EXPECT_EQ(size_t(filled), c.itemsOfRank[rank].size());
  });
}

TEST(Rows, ascendInTheOrder) {
  forAllCases([](const Layout &layout, const Case &, uint32_t, const RankRows &rows) {
    const Item *last = nullptr;
    for (const auto &row : rows.rows)
      if (row) {
        EXPECT_TRUE(!last || layout.order.less(*last, *row));
        last = &*row;
      }
  });
}

TEST(Rows, groupsStartAlignedAndHoldOneValueEach) {
  forAllCases([](const Layout &layout, const Case &, uint32_t, const RankRows &rows) {
    EXPECT_EQ(rows.groupStarts.front(), 0u);
    EXPECT_EQ(rows.groupStarts.back(), rows.rows.size());
    for (size_t g = 0; g + 1 < rows.groupStarts.size(); ++g) {
      EXPECT_EQ(rows.groupStarts[g] % layout.align, 0u);
      for (uint64_t r = rows.groupStarts[g] + 1; r < rows.groupStarts[g + 1]; ++r)
        EXPECT_TRUE(!rows.rows[r] || !rows.rows[r - 1] ||
                    valueOf(*rows.rows[r], layout.order.first()) == valueOf(*rows.rows[r - 1], layout.order.first()));
    }
  });
}

TEST(Rows, anExpertWithoutItemsTakesNoRows) {
  const RankRows rows =
      layOut({*Order::complete(std::array{Key::Expert}), 4}, Placement::block(3), 1, 0, {{1, 0, 0, 0}});
  EXPECT_EQ(rows.groupStarts, (std::vector<uint64_t>{0, 0, 4, 4}));
}
