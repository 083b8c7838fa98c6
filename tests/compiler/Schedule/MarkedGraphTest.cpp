// The laws of marked graphs, against playing the game in every order.
#include "RandomGraph.h"
#include "TokenGame.h"

#include <gtest/gtest.h>

using namespace faro::compiler;
using namespace faro::test;

namespace {

using Fault = MarkedGraph::Unsafe::Fault;

/// gather -> wire -> fan_out with slots on both sides.
MarkedGraph pipeline(size_t tx, size_t rx) {
  MarkedGraph graph;
  const size_t gather = graph.addActor("gather", 3), wire = graph.addActor("wire", 10), out = graph.addActor("out", 4);
  graph.addEdge(gather, wire, 0, "after");
  graph.addEdge(wire, out, 0, "after");
  graph.addEdge(wire, gather, tx, "slots of tx");
  graph.addEdge(out, wire, rx, "slots of rx");
  graph.addPool({"tx", gather, {wire}, tx});
  graph.addPool({"rx", wire, {out}, rx});
  return graph;
}

TEST(MarkedGraph, APipelineWithSlotsIsLiveAndSafe) {
  for (size_t tx = 1; tx <= 3; ++tx)
    for (size_t rx = 1; rx <= 3; ++rx) {
      const MarkedGraph graph = pipeline(tx, rx);
      EXPECT_EQ(graph.check(), std::nullopt);
      EXPECT_EQ(graph.verify(), std::nullopt);
      EXPECT_FALSE(getsStuck(graph, 5));
    }
}

TEST(MarkedGraph, ACycleWithoutATokenIsNamed) {
  const MarkedGraph graph = pipeline(0, 2);
  EXPECT_EQ(graph.verify(), "not live: the cycle gather -> wire -> gather holds no token");
  EXPECT_TRUE(getsStuck(graph, 3));
}

TEST(MarkedGraph, AnActorThatWaitsForItselfIsADeadCycle) {
  MarkedGraph graph;
  const size_t a = graph.addActor("a");
  graph.addEdge(a, a, 0, "after");
  EXPECT_EQ(graph.verify(), "not live: the cycle a -> a holds no token");
}

/// Two slots that a writer, actor 0, fills and a reader, actor 1, reads; `edges` alone order the two.
MarkedGraph twoSlots(const char *slots, const char *writer, const char *reader, const std::vector<TokenEdge> &edges) {
  MarkedGraph graph;
  graph.addActor(writer);
  graph.addActor(reader);
  for (const TokenEdge &edge : edges)
    graph.addEdge(edge.from, edge.to, edge.tokens, edge.why);
  graph.addPool({slots, 0, {1}, 2});
  return graph;
}

TEST(MarkedGraph, SlotsGivenBackTooEarlyAreNamed) {
  const MarkedGraph graph =
      twoSlots("tx", "gather", "wire", {{0, 1, 0, "after"}, {0, 0, 2, "given back by gather itself"}});
  EXPECT_EQ(graph.verify(), "not safe: slots 'tx': 'gather' may write a slot that 'wire' is not done with");
}

TEST(MarkedGraph, ASlotReadBeforeItIsWrittenIsNamed) {
  const MarkedGraph graph = twoSlots("rx", "wire", "out", {{0, 1, 1, "the slice before"}, {1, 0, 1, "slots of rx"}});
  EXPECT_EQ(graph.verify(), "not safe: slots 'rx': 'out' reads a slot that 'wire' may not have written");
}

TEST(MarkedGraph, WhatIsNoGraphIsFoundBefore) {
  MarkedGraph edge;
  edge.addActor("a");
  edge.addEdge(0, 7, 0, "after");
  EXPECT_EQ(edge.check(), "an edge (after) names actor 7 of 1");
  MarkedGraph delay;
  delay.addActor("a", -1);
  EXPECT_EQ(delay.check(), "actor 'a' expects a delay of at least 0 ns, found -1.000000");
  MarkedGraph pool;
  pool.addActor("a");
  pool.addPool({"tx", 0, {}, 1});
  EXPECT_EQ(pool.check(), "slots 'tx' have no reader");
  MarkedGraph reader;
  reader.addActor("a");
  reader.addPool({"tx", 0, {3}, 1});
  EXPECT_EQ(reader.check(), "slots 'tx' name an actor that is not there");
}

/// live <=> no directed cycle without a token.
TEST(MarkedGraph, LiveIsWhatThePlayedGameSays) {
  std::mt19937 random(1);
  size_t live = 0;
  for (int i = 0; i < 600; ++i) {
    const MarkedGraph graph = randomGraph(random, 2 + upTo(random, 2), 1 + upTo(random, 5), 2);
    const bool stuck = getsStuck(graph, 3);
    EXPECT_EQ(graph.findDeadCycle().has_value(), stuck);
    live += !stuck;
  }
  EXPECT_GT(live, 100u);
  EXPECT_LT(live, 500u);
}

/// A dead cycle that is found is one: its edges follow each other and hold nothing.
TEST(MarkedGraph, ADeadCycleIsACycle) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const MarkedGraph graph = randomGraph(random, 5, 8, 1);
    const auto cycle = graph.findDeadCycle();
    if (!cycle)
      continue;
    for (size_t at = 0; at < cycle->size(); ++at) {
      const TokenEdge &edge = graph.edges()[(*cycle)[at]], &next = graph.edges()[(*cycle)[(at + 1) % cycle->size()]];
      EXPECT_EQ(edge.to, next.from);
      EXPECT_EQ(edge.tokens, 0u);
    }
  }
}

/// safe <=> the reader's n-th firing finds the writer's n-th, and the writer's (n + K)-th does not come before it ends.
TEST(MarkedGraph, SafeIsWhatThePlayedGameSays) {
  std::mt19937 random(3);
  size_t count[2][2] = {}; // [read too early][written too early], as played
  for (int i = 0; i < 1500; ++i) {
    MarkedGraph graph = randomGraph(random, 3, 3 + upTo(random, 4), 2);
    if (graph.findDeadCycle())
      continue;
    const size_t slots = 1 + upTo(random, 2);
    graph.addPool({"slots", 0, {1}, slots});
    bool readEarly = false, writtenEarly = false;
    EXPECT_FALSE(getsStuck(graph, 5, [&](const Counts &now) {
      // The n-th firing of the writer uses slot n mod K. While it writes for the (n + K)-th time, the n-th read is
      // over.
      readEarly |= now.begun[1] > now.ended[0];
      writtenEarly |= now.begun[0] > now.ended[1] + slots;
    }));
    ++count[readEarly][writtenEarly];
    const auto unsafe = graph.findUnsafePool();
    ASSERT_EQ(unsafe.has_value(), readEarly || writtenEarly);
    if (unsafe)
      EXPECT_EQ(unsafe->fault, readEarly ? Fault::ReadTooEarly : Fault::WrittenTooEarly);
  }
  EXPECT_GT(count[0][0], 20u);
  EXPECT_GT(count[0][1], 20u);
  EXPECT_GT(count[1][0], 20u);
}

} // namespace
