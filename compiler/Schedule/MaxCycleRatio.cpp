#include "compiler/Schedule/MaxCycleRatio.h"

#include <algorithm>

namespace faro::compiler {
namespace {

constexpr size_t None = std::numeric_limits<size_t>::max();

/// Howard's iteration within one strongly connected component.
class Howard {
public:
  Howard(const MarkedGraph &graph, const std::vector<size_t> &componentOf, size_t component)
      : graph(graph), policy(graph.actors().size(), None), potential(graph.actors().size(), 0) {
    for (size_t edge = 0; edge < graph.edges().size(); ++edge) {
      const TokenEdge &e = graph.edges()[edge];
      if (componentOf[e.from] != component || componentOf[e.to] != component)
        continue;
      edges.push_back(edge);
      if (policy[e.from] == None)
        members.push_back(e.from);
      policy[e.from] = edge;
    }
  }

  /// The best cycle of the component; none if it is a single actor without an edge to itself.
  std::optional<CycleRatio> run() {
    if (edges.empty())
      return std::nullopt;
    do
      evaluate();
    while (improve());
    return best;
  }

private:
  double weight(size_t edge) const {
    const TokenEdge &e = graph.edges()[edge];
    return graph.actors()[e.from].delay - best.ratio * double(e.tokens);
  }

  /// The best cycle of the policy's graph, and the potentials of the actors that lead to it.
  void evaluate() {
    // A better cycle than before is a strict gain; without one the old guess stands and only potentials moved.
    std::vector<size_t> seenFrom(graph.actors().size(), None);
    for (size_t start : members) {
      size_t at = start;
      while (seenFrom[at] == None) {
        seenFrom[at] = start;
        at = graph.edges()[policy[at]].to;
      }
      if (seenFrom[at] == start)
        consider(at);
    }
    if (!fresh)
      return;
    fresh = false;
    // Potentials by going backwards along the policy from the cycle: an actor's is what lies between it and the cycle.
    std::vector<bool> known(graph.actors().size(), false);
    const size_t root = graph.edges()[best.cycle.front()].from;
    known[root] = true;
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t actor : members)
        if (const size_t to = graph.edges()[policy[actor]].to; !known[actor] && known[to]) {
          potential[actor] = potential[to] + weight(policy[actor]);
          known[actor] = changed = true;
        }
    }
  }

  /// The cycle of the policy's graph through an actor.
  void consider(size_t start) {
    CycleRatio found;
    double delays = 0;
    size_t tokens = 0, at = start;
    do {
      const TokenEdge &e = graph.edges()[policy[at]];
      delays += graph.actors()[at].delay;
      tokens += e.tokens;
      found.cycle.push_back(policy[at]);
      at = e.to;
    } while (at != start);
    found.ratio = delays / double(tokens);
    if (!best.cycle.empty() && found.ratio <= best.ratio)
      return;
    best = std::move(found);
    fresh = true;
  }

  bool improve() {
    // Gains below this are rounding: potentials are sums of at most as many delays as there are actors.
    double scale = 0;
    for (size_t actor : members)
      scale = std::max({scale, graph.actors()[actor].delay, std::abs(potential[actor])});
    const double epsilon = 1e-12 * scale;
    bool improved = false;
    for (size_t edge : edges) {
      const TokenEdge &e = graph.edges()[edge];
      if (const double through = potential[e.to] + weight(edge); through > potential[e.from] + epsilon) {
        potential[e.from] = through;
        policy[e.from] = edge;
        improved = true;
      }
    }
    return improved;
  }

  const MarkedGraph &graph;
  std::vector<size_t> edges, members;
  std::vector<size_t> policy;    ///< for each actor the edge that it picks
  std::vector<double> potential; ///< for each actor
  CycleRatio best;
  bool fresh = false; ///< `best` was found since potentials were last computed from the cycle
};

/// The component of each actor: two actors share one if each reaches the other.
std::vector<size_t> stronglyConnected(const MarkedGraph &graph) {
  const size_t count = graph.actors().size();
  std::vector<std::vector<bool>> reaches(count, std::vector<bool>(count, false));
  for (const TokenEdge &edge : graph.edges())
    reaches[edge.from][edge.to] = true;
  // Warshall; graphs have a handful of actors.
  for (size_t via = 0; via < count; ++via)
    for (size_t from = 0; from < count; ++from)
      if (reaches[from][via])
        for (size_t to = 0; to < count; ++to)
          if (reaches[via][to])
            reaches[from][to] = true;
  std::vector<size_t> component(count, None);
  for (size_t actor = 0; actor < count; ++actor)
    for (size_t other = 0; other <= actor && component[actor] == None; ++other)
      if (other == actor || (reaches[actor][other] && reaches[other][actor]))
        component[actor] = other;
  return component;
}

} // namespace

std::optional<CycleRatio> maxCycleRatio(const MarkedGraph &graph) {
  const std::vector<size_t> componentOf = stronglyConnected(graph);
  std::optional<CycleRatio> best;
  for (size_t component = 0; component < componentOf.size(); ++component) {
    if (componentOf[component] != component)
      continue;
    std::optional<CycleRatio> found = Howard(graph, componentOf, component).run();
    if (found && (!best || found->ratio > best->ratio))
      best = std::move(found);
  }
  return best;
}

} // namespace faro::compiler
