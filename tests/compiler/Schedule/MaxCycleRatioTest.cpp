// Howard's iteration against all simple cycles.
#include "RandomGraph.h"

#include "compiler/Schedule/MaxCycleRatio.h"

#include <gtest/gtest.h>

#include <functional>

using namespace faro::compiler;
using namespace faro::test;

namespace {

/// The best ratio of all simple cycles, found by walking along every one; each starts at its smallest actor.
std::optional<double> bruteForce(const MarkedGraph &graph) {
  std::optional<double> best;
  std::vector<bool> visited(graph.actors().size(), false);
  std::function<void(size_t, size_t, double, size_t)> walk = [&](size_t start, size_t at, double delays,
                                                                 size_t tokens) {
    delays += graph.actors()[at].delay;
    visited[at] = true;
    for (size_t edge : graph.edgesFrom(at)) {
      const TokenEdge &e = graph.edges()[edge];
      if (e.to == start)
        best = std::max(best.value_or(0), delays / double(tokens + e.tokens));
      else if (e.to > start && !visited[e.to])
        walk(start, e.to, delays, tokens + e.tokens);
    }
    visited[at] = false;
  };
  for (size_t start = 0; start < graph.actors().size(); ++start)
    walk(start, start, 0, 0);
  return best;
}

TEST(MaxCycleRatio, IsTheBestOfAllSimpleCycles) {
  std::mt19937 random(1);
  size_t compared = 0, without = 0;
  for (int i = 0; i < 20000; ++i) {
    const size_t actors = 1 + upTo(random, 7);
    const MarkedGraph graph = randomGraph(random, actors, 1 + upTo(random, 2 * actors + 2), 1 + upTo(random, 4));
    if (graph.findDeadCycle())
      continue;
    const auto found = maxCycleRatio(graph);
    const auto expected = bruteForce(graph);
    ASSERT_EQ(found.has_value(), expected.has_value());
    without += !found;
    if (!found)
      continue;
    ++compared;
    ASSERT_NEAR(found->ratio, *expected, 1e-9 * *expected) << "graph " << i;
    // The cycle attains it.
    double delays = 0, tokens = 0;
    for (size_t at = 0; at < found->cycle.size(); ++at) {
      const TokenEdge &edge = graph.edges()[found->cycle[at]];
      ASSERT_EQ(edge.to, graph.edges()[found->cycle[(at + 1) % found->cycle.size()]].from);
      delays += graph.actors()[edge.from].delay;
      tokens += double(edge.tokens);
    }
    EXPECT_NEAR(delays / tokens, found->ratio, 1e-12 * found->ratio);
  }
  EXPECT_GT(compared, 3000u);
  EXPECT_GT(without, 100u);
}

TEST(MaxCycleRatio, OfLargerGraphsToo) {
  std::mt19937 random(2);
  size_t compared = 0;
  for (int i = 0; i < 60; ++i) {
    // Tokens on every edge: sparse zeros would leave few live graphs of this size.
    MarkedGraph graph;
    for (size_t actor = 0; actor < 12; ++actor)
      graph.addActor("a" + std::to_string(actor), 1 + double(upTo(random, 1000000)));
    for (size_t edge = 0; edge < 36; ++edge)
      graph.addEdge(upTo(random, 11), upTo(random, 11), 1 + upTo(random, 7), "random");
    const auto found = maxCycleRatio(graph);
    const auto expected = bruteForce(graph);
    ASSERT_EQ(found.has_value(), expected.has_value());
    if (!found)
      continue;
    ++compared;
    EXPECT_NEAR(found->ratio, *expected, 1e-9 * *expected);
  }
  EXPECT_GT(compared, 50u);
}

TEST(MaxCycleRatio, ANonSimpleCycleIsNoBetter) {
  // Two cycles through one actor: 30 / 2 and 50 / 1; together 80 / 3.
  MarkedGraph graph;
  const size_t a = graph.addActor("a", 10), b = graph.addActor("b", 20), c = graph.addActor("c", 40);
  graph.addEdge(a, b, 1, "");
  graph.addEdge(b, a, 1, "");
  graph.addEdge(a, c, 1, "");
  graph.addEdge(c, a, 0, "");
  const auto found = maxCycleRatio(graph);
  ASSERT_TRUE(found.has_value());
  EXPECT_DOUBLE_EQ(found->ratio, 50);
  EXPECT_EQ(found->cycle.size(), 2u);
}

TEST(MaxCycleRatio, ThereIsNoneWithoutACycle) {
  MarkedGraph graph;
  const size_t a = graph.addActor("a", 10), b = graph.addActor("b", 20);
  graph.addEdge(a, b, 1, "");
  EXPECT_FALSE(maxCycleRatio(graph).has_value());
}

} // namespace
