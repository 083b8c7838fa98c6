// Small random marked graphs for tests of laws.
#pragma once

#include "compiler/Schedule/MarkedGraph.h"

#include <random>

namespace faro::test {

inline size_t upTo(std::mt19937 &random, size_t most) { return std::uniform_int_distribution<size_t>(0, most)(random); }

/// `actors` actors and `edges` edges between any two of them, with 0 .. `tokens` tokens.
inline compiler::MarkedGraph randomGraph(std::mt19937 &random, size_t actors, size_t edges, size_t tokens) {
  compiler::MarkedGraph graph;
  for (size_t i = 0; i < actors; ++i)
    graph.addActor(std::string(1, char('a' + i)), double(upTo(random, 100)));
  for (size_t i = 0; i < edges; ++i) {
    const size_t from = upTo(random, actors - 1), to = upTo(random, actors - 1);
    graph.addEdge(from, to, upTo(random, tokens), "random");
  }
  return graph;
}

} // namespace faro::test
