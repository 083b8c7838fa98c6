// How far a combine is from the exact sum, for each type of partial rows: prints the table of docs/combine.md, and
// holds every element to the bound that is stated there.
#include "compiler/Interpreter/Reference.h"
#include "tests/support/Some.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>
#include <random>

using namespace faro;
using namespace faro::reference;

namespace {

constexpr uint32_t Ranks = 8, Experts = 64, Topk = 8, Tokens = 4000 / faro::test::stepOf(10);
constexpr uint64_t Columns = 64;

const char *nameOf(Element element) {
  return element == Element::BF16 ? "bf16" : element == Element::F16 ? "f16" : "f32";
}

/// Largest relative error of rounding to nearest: 2^-p for p significant bits.
double unitOf(Element element) {
  return element == Element::BF16 ? 0x1p-8 : element == Element::F16 ? 0x1p-11 : 0x1p-24;
}

/// Of all elements of all tokens. The maximum and the mean are relative to the sum of magnitudes |w y|, which
/// cancellation does not make small; the norm is |combined - exact| / |exact|, of all elements as one vector.
struct Errors {
  double most = 0, mean = 0, norm = 0;
};

/// Tokens choose different experts evenly; results are normally distributed, weights a softmax of normals.
Errors measure(Element element, Element partial, uint32_t nodes) {
  Program program;
  program.isDispatch = false;
  program.element = element;
  program.partial = partial;
  program.columns = Columns;
  program.topk = Topk;
  program.placement = layout::Placement::block(Experts);
  NodeOfRank nodeOfRank;
  for (uint32_t rank = 0; rank < Ranks; ++rank)
    nodeOfRank.push_back(rank / (Ranks / nodes));

  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const uint64_t size = bytesOf(element);
  std::vector<std::byte> memory(Topk * Columns * size), out(Columns * size);
  std::vector<const std::byte *> rows;
  for (uint32_t k = 0; k < Topk; ++k)
    rows.push_back(memory.data() + k * Columns * size);
  Errors errors;
  double squaredError = 0, squaredExact = 0;
  for (uint32_t token = 0; token < Tokens; ++token) {
    std::vector<int64_t> chosen(Topk, -1);
    for (uint32_t k = 0; k < Topk;)
      if (const int64_t expert = random() % Experts; std::find(chosen.begin(), chosen.end(), expert) == chosen.end())
        chosen[k++] = expert;
    std::array<float, Topk> weights;
    float sum = 0;
    for (float &weight : weights)
      sum += weight = std::exp(normal(random));
    for (float &weight : weights)
      weight /= sum;
    for (uint64_t i = 0; i < Topk * Columns; ++i)
      fromFloat(element, normal(random), memory.data() + i * size);
    combineRow(program, nodeOfRank, chosen.data(), rows, weights.data(), out.data());
    for (uint64_t column = 0; column < Columns; ++column) {
      double exact = 0, magnitudes = 0; // 24 + 24 bits fit a double's 53; eight terms lose nothing that shows here
      for (uint32_t k = 0; k < Topk; ++k) {
        const double term = double(weights[k]) * double(toFloat(element, rows[k] + column * size));
        exact += term;
        magnitudes += std::fabs(term);
      }
      const double error = std::fabs(double(toFloat(element, out.data() + column * size)) - exact);
      errors.most = std::max(errors.most, error / magnitudes);
      errors.mean += error / magnitudes / (double(Tokens) * Columns);
      squaredError += error * error;
      squaredExact += exact * exact;
    }
  }
  errors.norm = std::sqrt(squaredError / squaredExact);
  return errors;
}

TEST(PartialError, ofEachTypeOfPartialsIsBounded) {
  std::printf("| rows | partials | nodes | largest | mean | of the norm |\n| --- | --- | --- | --- | --- | --- |\n");
  for (auto [element, partial] : {std::pair(Element::BF16, Element::BF16), std::pair(Element::BF16, Element::F32),
                                  std::pair(Element::F16, Element::F16), std::pair(Element::F16, Element::F32),
                                  std::pair(Element::F32, Element::F32)}) {
    const Errors oneNode = measure(element, partial, 1);
    for (uint32_t nodes : {1u, 2u, 4u, 8u}) {
      const Errors errors = nodes == 1 ? oneNode : measure(element, partial, nodes);
      if (nodes > 1 || partial == element) // one node has no partials
        std::printf("| %s | %s | %u | %.2e | %.2e | %.2e |\n", nameOf(element), nodes == 1 ? "none" : nameOf(partial),
                    nodes, errors.most, errors.mean, errors.norm);
      // Each product and each addition is rounded in f32, each share once to the partial, the sum once to the element.
      // No intermediate is larger than the sum of magnitudes; a hundredth is for what is of second order, and half of
      // the least f16 for numbers so small that they are rounded to a fixed spacing.
      const double arithmetic = (2 * Topk + 8) * 0x1p-24;
      const double bound = unitOf(element) + (nodes > 1 ? unitOf(partial) : 0) + arithmetic;
      EXPECT_LE(errors.most, bound * 1.01 + (element == Element::F16 ? 0x1p-20 : 0));
      if (nodes > 1 && partial == Element::F32 && element != Element::F32) {
        EXPECT_LT(errors.norm, oneNode.norm * 1.01) << "f32 partials of short rows cost nothing that shows";
      }
      if (nodes > 1 && partial != Element::F32) {
        EXPECT_GT(errors.norm, oneNode.norm * 1.05) << "shares have been rounded";
      }
    }
  }
}

} // namespace
