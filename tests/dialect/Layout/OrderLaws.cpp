// An order is total, and its completion follows the tie rule.
#include "dialect/Layout/Layout.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace faro::layout;

static std::vector<Order> allOrders() {
  std::vector<Order> orders;
  std::array<Key, 4> keys = {Key::Expert, Key::Source, Key::Token, Key::Choice};
  do
    for (size_t length = 1; length <= 4; ++length)
      orders.push_back(*Order::complete(std::span(keys).first(length)));
  while (std::next_permutation(keys.begin(), keys.end()));
  return orders;
}

static std::vector<Item> cube() {
  std::vector<Item> items;
  for (uint32_t e = 0; e < 2; ++e)
    for (uint32_t s = 0; s < 2; ++s)
      for (uint32_t t = 0; t < 3; ++t)
        for (uint32_t k = 0; k < 2; ++k)
          items.push_back({e, s, t, k});
  return items;
}

TEST(Order, isTotalAndAntisymmetric) {
  for (const Order &order : allOrders())
    for (const Item &a : cube())
      for (const Item &b : cube())
        EXPECT_EQ(order.less(a, b) + order.less(b, a) + (a == b), 1);
}

TEST(Order, isTransitive) {
  for (const Order &order : {Order::tokenMajor(), *Order::complete(std::array{Key::Expert})})
    for (const Item &a : cube())
      for (const Item &b : cube())
        for (const Item &c : cube())
          EXPECT_TRUE(!order.less(a, b) || !order.less(b, c) || order.less(a, c));
}

TEST(Order, tiesFallBackToSourceTokenChoice) {
  const Order order = *Order::complete(std::array{Key::Expert});
  EXPECT_EQ(order.keys(), (std::array{Key::Expert, Key::Source, Key::Token, Key::Choice}));
  EXPECT_EQ(*Order::complete(std::array{Key::Source, Key::Token}), Order::tokenMajor());
}

TEST(Order, refusesRepeatedAndMissingKeys) {
  EXPECT_FALSE(Order::complete(std::array{Key::Expert, Key::Expert}));
  EXPECT_FALSE(Order::complete({}));
}

TEST(Order, isPlaceableByCountsUnlessTokenOrChoicePrecedesSource) {
  EXPECT_TRUE(Order::complete(std::array{Key::Expert, Key::Source})->placeableByCounts());
  EXPECT_TRUE(Order::complete(std::array{Key::Source, Key::Choice})->placeableByCounts());
  EXPECT_FALSE(Order::complete(std::array{Key::Token})->placeableByCounts());
  EXPECT_FALSE(Order::complete(std::array{Key::Expert, Key::Token})->placeableByCounts());
  EXPECT_FALSE(Order::complete(std::array{Key::Choice, Key::Source})->placeableByCounts());
}

TEST(Order, keysHaveNames) {
  for (Key key : {Key::Expert, Key::Source, Key::Token, Key::Choice})
    EXPECT_EQ(keyFromName(keyName(key)), key);
  EXPECT_FALSE(keyFromName("rank"));
}
