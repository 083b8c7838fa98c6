#include "tests/differential/Shapes.h"

#include "tests/support/SpecText.h"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace faro::differential {

std::string Shape::spec() const {
  return support::specText({columns, element, order, align, topk, experts, placement, partial});
}

std::string Shape::describe() const {
  return fmt::format("seed {}: {} ranks on {} nodes, {}x{}, partials '{}', top-{} of {}, order [{}], align {}, "
                     "placement '{}', routing {}",
                     seed, ranks, nodes, columns, element, partial, topk, experts, order, align, placement,
                     int(routing));
}

Shape randomShape(uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](const auto &list) { return list[random() % list.size()]; };
  Shape shape;
  shape.seed = seed;
  shape.ranks = pick(std::array{1u, 2u, 3u, 4u, 5u, 8u});
  shape.experts = pick(std::array{1u, 2u, 3u, 7u, 8u, 13u, 64u});
  shape.topk = 1 + random() % std::min(shape.experts, 8u);
  shape.columns = pick(std::array{1u, 2u, 3u, 7u, 16u, 31u, 32u, 33u, 100u, 255u, 256u, 257u, 300u, 513u, 1024u});
  shape.align = pick(std::array{1u, 1u, 2u, 3u, 16u, 128u});
  shape.element = pick(std::array{"bf16", "f16", "f32"});
  shape.order = pick(std::array{"expert, source, token", "expert", "source, expert, token", "source, token",
                                "source, choice", "expert, source, choice"});
  shape.routing = RoutingKind(random() % 6);
  shape.largestBatch = pick(std::array{1u, 7u, 40u, 97u});
  if (const uint32_t kind = random() % 3; kind == 1) {
    shape.placement = "round_robin";
  } else if (kind == 2) {
    shape.placement = "table [";
    for (uint32_t e = 0; e < shape.experts; ++e)
      shape.placement += fmt::format("{}{}", e ? ", " : "", random() % shape.ranks);
    shape.placement += "]";
  }
  return shape;
}

static int64_t drawExpert(const Shape &shape, std::mt19937 &random) {
  switch (shape.routing) {
  case RoutingKind::OneExpert:
    return shape.experts - 1;
  case RoutingKind::Zipf:
    return int64_t(std::pow(double(shape.experts), double(random()) / 4294967296.0)) - 1;
  case RoutingKind::Dropped:
    return random() % 3 ? -1 : random() % shape.experts;
  default:
    return random() % shape.experts;
  }
}

Input makeInput(const Shape &shape, uint32_t rank) {
  std::mt19937 random(shape.seed * 1000003 + rank);
  Input input;
  const bool empty = shape.routing == RoutingKind::EmptyRanks && rank % 2 == 0;
  input.routing.tokens = empty ? 0 : random() % (shape.largestBatch + 1);
  for (uint64_t t = 0; t < input.routing.tokens; ++t)
    for (uint32_t k = 0; k < shape.topk; ++k) {
      const bool repeat = shape.routing == RoutingKind::Repeated && k > 0 && random() % 2;
      const int64_t expert = repeat ? input.routing.topkIdx.back() : drawExpert(shape, random);
      input.routing.topkIdx.push_back(expert);
      const float weight = float(int(random() % 2001) - 1000) / 700;
      input.weights.push_back(expert < 0 ? std::numeric_limits<float>::quiet_NaN() : weight);
    }
  const uint64_t size = shape.element == "f32" ? 4 : 2;
  input.tokens.resize(input.routing.tokens * shape.columns * size);
  // Any bits at all in one batch of four, else numbers of ordinary size, so that sums say something.
  const bool wild = shape.seed % 4 == 0;
  const auto element = shape.element == "f32"   ? reference::Element::F32
                       : shape.element == "f16" ? reference::Element::F16
                                                : reference::Element::BF16;
  for (uint64_t i = 0; i < input.tokens.size(); i += size) {
    if (wild)
      for (uint64_t b = 0; b < size; ++b)
        input.tokens[i + b] = std::byte(random());
    else
      reference::fromFloat(element, float(int(random() % 4001) - 2000) / 513, &input.tokens[i]);
  }
  return input;
}

} // namespace faro::differential
