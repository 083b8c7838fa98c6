// The reference interpreter against the definitions in dialect/README.md, on cases that can be checked by hand.
#include "compiler/Interpreter/Reference.h"
#include "compiler/Interpreter/Number.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace faro;
using namespace faro::reference;

static Program program(Element element, uint64_t columns, uint32_t topk, uint32_t experts, uint32_t align) {
  Program p;
  p.name = "program";
  p.element = element;
  p.columns = columns;
  p.topk = topk;
  p.placement = layout::Placement::block(experts);
  p.layout.order = *layout::Order::complete(std::array{layout::Key::Expert, layout::Key::Source, layout::Key::Token});
  p.layout.align = align;
  return p;
}

//===---------------------------------------------------------- numbers ---===//

TEST(Numbers, everyBf16AndF16SurvivesTheWayToF32AndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool bf16NaN = (bits & 0x7f80) == 0x7f80 && (bits & 0x7f),
               f16NaN = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff);
    EXPECT_EQ(toBf16(fromBf16(uint16_t(bits))), bf16NaN ? 0x7fc0 : bits);
    EXPECT_EQ(toF16(fromF16(uint16_t(bits))), f16NaN ? 0x7e00 : bits);
  }
}

TEST(Numbers, halvesHaveTheirKnownValues) {
  EXPECT_EQ(fromF16(0x3c00), 1.0f);
  EXPECT_EQ(fromF16(0xc500), -5.0f);
  EXPECT_EQ(fromF16(0x0001), 0x1p-24f);
  EXPECT_EQ(fromF16(0x03ff), 0x3ffp-24f);
  EXPECT_EQ(fromF16(0x7bff), 65504.0f);
  EXPECT_TRUE(std::isinf(fromF16(0x7c00)));
  EXPECT_EQ(fromBf16(0x3f80), 1.0f);
  EXPECT_EQ(fromBf16(0x0001), 0x1p-133f);
}

/// Among all numbers of the narrow type, none is nearer, and of two as near the even one is taken.
template <typename To, typename From> static void expectNearest(float value, To to, From from) {
  const uint16_t bits = to(value);
  const double error = std::fabs(double(value) - double(from(bits)));
  for (int step : {-1, 1}) {
    const uint16_t neighbour = uint16_t(bits + step);
    if (!std::isfinite(from(neighbour)) || !std::isfinite(from(bits)) || (neighbour ^ bits) & 0x8000)
      continue;
    const double other = std::fabs(double(value) - double(from(neighbour)));
    EXPECT_TRUE(error < other || (error == other && bits % 2 == 0)) << value << " became " << bits;
  }
}

TEST(Numbers, roundToNearestAndTiesToEven) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const float any = std::bit_cast<float>(uint32_t(random()));
    if (!std::isnan(any) && std::fabs(any) < 3.3e38f)
      expectNearest(any, toBf16, fromBf16);
    const float small = std::ldexp(float(int(random() % 0x1000000)) / 0x800000 - 1, int(random() % 44) - 28);
    if (std::fabs(small) < 65000)
      expectNearest(small, toF16, fromF16);
  }
  EXPECT_EQ(toF16(65519.0f), 0x7bff);
  EXPECT_EQ(toF16(65520.0f), 0x7c00) << "half way to the next power of two overflows";
  EXPECT_EQ(toF16(-1e30f), 0xfc00);
  EXPECT_EQ(toF16(0x1p-25f), 0x0000) << "a tie between zero and the least number";
  EXPECT_EQ(toF16(0x1.8p-25f), 0x0001);
  EXPECT_EQ(toBf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(toBf16(-0.0f), 0x8000);
}

//===--------------------------------------------------------- dispatch ---===//

/// The example of dialect/README.md: 5 experts on 2 ranks, top-2, align 2.
TEST(Dispatch, theExampleOfTheLaw) {
  const Program p = program(Element::BF16, 1, 2, 5, 2);
  const std::vector<Routing> routing = {{{3, 0, 0, 2, 4, -1}, 3}, {{0, 0, 2, 3}, 2}};
  using layout::Item;
  const Dispatched zero = dispatch(p, 0, routing), one = dispatch(p, 1, routing);
  EXPECT_EQ(zero.rows.rows, (std::vector<std::optional<Item>>{Item{0, 0, 0, 1}, Item{0, 0, 1, 0}, Item{0, 1, 0, 0},
                                                              Item{0, 1, 0, 1}, Item{2, 0, 1, 1}, Item{2, 1, 1, 0}}));
  EXPECT_EQ(zero.expertOffsets, (std::vector<int64_t>{0, 4, 4, 6}));
  EXPECT_EQ(zero.expertCounts, (std::vector<int64_t>{4, 0, 2}));
  EXPECT_EQ(one.rows.rows,
            (std::vector<std::optional<Item>>{Item{3, 0, 0, 0}, Item{3, 1, 1, 1}, Item{4, 0, 2, 0}, std::nullopt}));
  EXPECT_EQ(one.expertOffsets, (std::vector<int64_t>{0, 2, 4}));
  EXPECT_EQ(one.expertCounts, (std::vector<int64_t>{2, 1}));
}

TEST(Dispatch, wrongRoutingsAreNamedWithRankTokenAndChoice) {
  const Program p = program(Element::BF16, 1, 2, 5, 1);
  EXPECT_EQ(checkRouting(p, 0, {{0, -1, 4, 4}, 2}), "");
  EXPECT_NE(checkRouting(p, 3, {{0, 1, 2, 5}, 2}).find("rank 3, token 1, choice 1: expert 5"), std::string::npos);
  EXPECT_NE(checkRouting(p, 3, {{0, -2}, 1}).find("choice 1: expert -2"), std::string::npos);
  EXPECT_NE(checkRouting(p, 1, {{0, 1, 2}, 2}).find("3 entries"), std::string::npos);
}

//===---------------------------------------------------------- combine ---===//

static float combined(const std::vector<float> &values, const std::vector<float> &weights) {
  const Program p = program(Element::F32, 1, uint32_t(values.size()), 64, 1);
  std::vector<const std::byte *> rows;
  for (const float &value : values)
    rows.push_back(reinterpret_cast<const std::byte *>(&value));
  float out;
  combineRow(p, rows, weights.data(), reinterpret_cast<std::byte *>(&out));
  return out;
}

TEST(Combine, theProductIsRoundedBeforeItIsAdded) {
  // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term is lost by rounding the product, and would be kept by one
  // rounding.
  const float x = 1 + 0x1p-12f;
  EXPECT_EQ(combined({-(1 + 0x1p-11f), x}, {1, x}), 0.0f);
}

TEST(Combine, termsAreAddedInTheOrderOfChoices) {
  EXPECT_EQ(combined({1e30f, -1e30f, 1}, {1, 1, 1}), 1.0f);
  EXPECT_EQ(combined({1e30f, 1, -1e30f}, {1, 1, 1}), 0.0f);
}

TEST(Combine, startsFromPositiveZero) {
  EXPECT_FALSE(std::signbit(combined({-0.0f}, {1})));
  EXPECT_EQ(std::bit_cast<uint32_t>(combined({}, {})), 0u);
}

TEST(Combine, infinitiesAndNaNsOfUsedWeightsTravelAndNaNsBecomeOne) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::bit_cast<float>(0xffc12345u);
  EXPECT_EQ(combined({inf}, {2}), inf);
  for (float bad : {combined({inf}, {0}), combined({inf, -inf}, {1, 1}), combined({nan}, {1}), combined({1}, {nan})})
    EXPECT_EQ(std::bit_cast<uint32_t>(bad), 0x7fc00000u);
}

TEST(Combine, theWeightOfADroppedChoiceIsIgnored) {
  const Program p = program(Element::BF16, 1, 2, 4, 1);
  const uint16_t row = 0x4000; // 2
  const float weights[] = {std::numeric_limits<float>::quiet_NaN(), 0.5f};
  uint16_t out;
  combineRow(p, {nullptr, reinterpret_cast<const std::byte *>(&row)}, weights, reinterpret_cast<std::byte *>(&out));
  EXPECT_EQ(out, 0x3f80);
}

//===---------------------------------------------- combine across nodes ---===//

/// Four experts, expert e on rank e, one column; all choices used.
static float acrossNodes(Element element, Element partial, const NodeOfRank &nodes, const std::vector<int64_t> &experts,
                         const std::vector<float> &values) {
  Program p = program(element, 1, uint32_t(experts.size()), 4, 1);
  p.partial = partial;
  std::vector<std::array<std::byte, 4>> memory(values.size());
  std::vector<const std::byte *> rows;
  for (size_t k = 0; k < values.size(); ++k) {
    fromFloat(element, values[k], memory[k].data());
    rows.push_back(experts[k] < 0 ? nullptr : memory[k].data());
  }
  const std::vector<float> weights(experts.size(), 1);
  std::byte out[4];
  combineRow(p, nodes, experts.data(), rows, weights.data(), out);
  return toFloat(element, out);
}

// bf16 has 8 bits: the number after 256 is 258, and 257 is a tie that goes to 256.
TEST(CombineAcrossNodes, eachNodesShareIsRoundedOnceToTheTypeOfPartials) {
  const NodeOfRank two{0, 0, 1, 1};
  // 256 + 1 on the first node becomes 256; 1 on the second; 257 becomes 256. In f32: 258.
  EXPECT_EQ(acrossNodes(Element::BF16, Element::BF16, two, {0, 1, 2}, {256, 1, 1}), 256.0f);
  EXPECT_EQ(acrossNodes(Element::BF16, Element::F32, two, {0, 1, 2}, {256, 1, 1}), 258.0f);
  // The share is rounded once, not at each step: 256 + 1 + 1 is 258.
  EXPECT_EQ(acrossNodes(Element::BF16, Element::BF16, two, {0, 1, 1, 2}, {256, 1, 1, 0}), 258.0f);
  // And the sum of shares once: 256 + 1 + 1 over three nodes.
  EXPECT_EQ(acrossNodes(Element::BF16, Element::BF16, {0, 1, 2, 2}, {0, 1, 2}, {256, 1, 1}), 258.0f);
}

TEST(CombineAcrossNodes, sharesAreAddedInTheOrderOfNodes) {
  const NodeOfRank four{0, 1, 2, 3};
  const std::vector<int64_t> upwards{0, 1, 2}, downwards{2, 1, 0};
  // Whatever the order of choices, node 0 comes first.
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, four, upwards, {1e30f, -1e30f, 1}), 1.0f);
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, four, downwards, {1, -1e30f, 1e30f}), 1.0f);
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, four, upwards, {1, 1e30f, -1e30f}), 0.0f);
  // On one node the choices alone say.
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, {0, 0, 0, 0}, downwards, {1, -1e30f, 1e30f}), 0.0f);
}

TEST(CombineAcrossNodes, withinANodeTheOrderOfChoicesCounts) {
  // Experts 0 and 3 share the first node. Its share is 1e30 + 1 - 1e30 = 0 or 1e30 - 1e30 + 1 = 1.
  const NodeOfRank nodes{0, 1, 1, 0};
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, nodes, {0, 3, 0, 1}, {1e30f, 1, -1e30f, 8}), 8.0f);
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, nodes, {0, 0, 1, 3}, {1e30f, -1e30f, 8, 1}), 9.0f);
}

TEST(CombineAcrossNodes, nodesStandInTheOrderOfTheirSmallestRanks) {
  // The labels 7 and 2 say nothing about order: rank 0's node is the first.
  const NodeOfRank labels{7, 2, 7, 2};
  EXPECT_EQ(acrossNodes(Element::BF16, Element::BF16, labels, {1, 3, 0, 2}, {1, 1, 256, 1}),
            acrossNodes(Element::BF16, Element::BF16, {0, 1, 0, 1}, {1, 3, 0, 2}, {1, 1, 256, 1}));
  EXPECT_EQ(acrossNodes(Element::F32, Element::F32, {7, 2, 5, 5}, {2, 1, 0}, {1, -1e30f, 1e30f}), 1.0f);
}

TEST(CombineAcrossNodes, aNodeWithoutRowsAddsNothing) {
  const NodeOfRank two{0, 0, 1, 1};
  EXPECT_EQ(acrossNodes(Element::BF16, Element::BF16, two, {-1, 3, -1}, {256, 3, 1}), 3.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(acrossNodes(Element::F32, Element::F32, two, {-1, -1}, {5, 6})), 0u);
}

TEST(CombineAcrossNodes, aShareThatRoundsToMinusZeroIsAddedToPlusZero) {
  // -2^-24 is the least f16, so that half of it, weighted, is a tie that becomes -0: the result on one node. As a share
  // it is added to +0.
  Program p = program(Element::F16, 1, 1, 4, 1);
  p.partial = Element::F16;
  const uint16_t least = 0x8001;
  const float half = 0.5f;
  const int64_t expert = 0;
  const std::vector<const std::byte *> rows{reinterpret_cast<const std::byte *>(&least)};
  uint16_t out;
  combineRow(p, {0, 0}, &expert, rows, &half, reinterpret_cast<std::byte *>(&out));
  EXPECT_EQ(out, 0x8000);
  combineRow(p, {0, 1}, &expert, rows, &half, reinterpret_cast<std::byte *>(&out));
  EXPECT_EQ(out, 0x0000);
}

TEST(CombineAcrossNodes, overflowAndNaNOfAShareTravel) {
  const NodeOfRank two{0, 0, 1, 1};
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  // 65504 + 65504 overflows f16 on the first node, and nothing brings it back; as f32 it is brought back.
  EXPECT_EQ(acrossNodes(Element::F16, Element::F16, two, {0, 1, 2}, {65504, 65504, -65504}), inf);
  EXPECT_EQ(acrossNodes(Element::F16, Element::F32, two, {0, 1, 2}, {65504, 65504, -65504}), 65504.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(acrossNodes(Element::F32, Element::F32, two, {0, 2}, {-nan, 1})), 0x7fc00000u);
  EXPECT_EQ(std::bit_cast<uint32_t>(acrossNodes(Element::F32, Element::F32, two, {0, 2}, {inf, -inf})), 0x7fc00000u);
}
