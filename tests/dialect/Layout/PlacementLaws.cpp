// A placement is a bijection expert <-> (rank, local expert), for every number of ranks.
#include "dialect/Layout/Layout.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace faro::layout;

static std::vector<Placement> somePlacements(uint32_t experts, uint32_t ranks) {
  std::vector<uint32_t> table;
  for (uint32_t e = 0; e < experts; ++e)
    table.push_back((e * 7 + 3) % ranks);
  return {Placement::block(experts), Placement::roundRobin(experts), Placement::table(table)};
}

TEST(Placement, everyExpertIsOnExactlyOneRankAndKnowsIt) {
  for (uint32_t experts : {1u, 2u, 3u, 5u, 8u, 13u, 64u, 257u})
    for (uint32_t ranks : {1u, 2u, 3u, 4u, 7u, 16u, 300u})
      for (const Placement &placement : somePlacements(experts, ranks)) {
        std::vector<int> seen(experts);
        for (uint32_t rank = 0; rank < ranks; ++rank)
          for (uint32_t expert : placement.expertsOf(rank, ranks)) {
            EXPECT_EQ(placement.owner(expert, ranks), rank);
            ++seen[expert];
          }
        EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
      }
}

TEST(Placement, blocksAreContiguousAndDifferByAtMostOne) {
  for (uint32_t experts : {1u, 5u, 64u, 65u})
    for (uint32_t ranks : {1u, 3u, 8u, 66u}) {
      uint32_t next = 0;
      for (uint32_t rank = 0; rank < ranks; ++rank) {
        const auto local = Placement::block(experts).expertsOf(rank, ranks);
        EXPECT_EQ(local.size(), experts / ranks + (rank < experts % ranks ? 1 : 0));
        for (uint32_t expert : local)
          EXPECT_EQ(expert, next++);
      }
    }
}

TEST(Placement, localOrderIsAscending) {
  for (const Placement &placement : somePlacements(23, 4))
    for (uint32_t rank = 0; rank < 4; ++rank) {
      const auto local = placement.expertsOf(rank, 4);
      EXPECT_TRUE(std::is_sorted(local.begin(), local.end()));
    }
}

TEST(Placement, aTableFitsOnlyTheRanksItNames) {
  const Placement table = Placement::table({0, 3, 1});
  EXPECT_FALSE(table.fits(3));
  EXPECT_TRUE(table.fits(4));
  EXPECT_FALSE(Placement::block(4).fits(0));
}
