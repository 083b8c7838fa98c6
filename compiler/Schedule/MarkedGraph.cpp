#include "compiler/Schedule/MarkedGraph.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace faro::compiler {

size_t MarkedGraph::addActor(std::string name, double delay) {
  actorList.push_back({std::move(name), delay});
  leaving.emplace_back();
  return actorList.size() - 1;
}

void MarkedGraph::addEdge(size_t from, size_t to, size_t tokens, std::string why) {
  // Faulty edges are kept, for check() to name; they leave nobody.
  if (from < leaving.size())
    leaving[from].push_back(edgeList.size());
  edgeList.push_back({from, to, tokens, std::move(why)});
}

std::optional<std::string> MarkedGraph::check() const {
  const size_t count = actorList.size();
  for (const Actor &actor : actorList)
    if (!std::isfinite(actor.delay) || actor.delay < 0)
      return "actor '" + actor.name + "' expects a delay of at least 0 ns, found " + std::to_string(actor.delay);
  for (const TokenEdge &edge : edgeList)
    if (edge.from >= count || edge.to >= count)
      return "an edge (" + edge.why + ") names actor " + std::to_string(std::max(edge.from, edge.to)) + " of " +
             std::to_string(count);
  for (const SlotPool &pool : slotPools) {
    if (pool.readers.empty())
      return "slots '" + pool.name + "' have no reader";
    if (pool.writer >= count || std::ranges::any_of(pool.readers, [&](size_t reader) { return reader >= count; }))
      return "slots '" + pool.name + "' name an actor that is not there";
  }
  return std::nullopt;
}

/// Breadth first from an actor over edges with at most so many tokens.
std::optional<std::vector<size_t>> MarkedGraph::shortestCycle(size_t start, size_t mostTokens) const {
  std::vector<std::optional<size_t>> reachedBy(actorList.size());
  std::deque<size_t> queue{start};
  while (!queue.empty() && !reachedBy[start]) {
    const size_t actor = queue.front();
    queue.pop_front();
    for (size_t edge : leaving[actor])
      if (const size_t to = edgeList[edge].to; edgeList[edge].tokens <= mostTokens && !reachedBy[to]) {
        reachedBy[to] = edge;
        queue.push_back(to);
      }
  }
  if (!reachedBy[start])
    return std::nullopt;
  std::vector<size_t> cycle;
  size_t at = start;
  do {
    cycle.push_back(*reachedBy[at]);
    at = edgeList[cycle.back()].from;
  } while (at != start);
  std::ranges::reverse(cycle);
  return cycle;
}

std::optional<std::vector<size_t>> MarkedGraph::findDeadCycle() const {
  // From each actor: graphs have a handful of them, and a shortest cycle is the one that a person understands.
  std::optional<std::vector<size_t>> best;
  for (size_t start = 0; start < actorList.size(); ++start)
    if (std::optional<std::vector<size_t>> cycle = shortestCycle(start, 0);
        cycle && (!best || cycle->size() < best->size()))
      best = std::move(cycle);
  return best;
}

std::optional<std::vector<size_t>> MarkedGraph::findCycleThrough(size_t actor) const {
  return shortestCycle(actor, NoPath);
}

size_t MarkedGraph::tokensBetween(size_t from, size_t to) const {
  // Bellman and Ford's relaxation; tokens are not negative, so as many rounds as actors are enough.
  std::vector<size_t> least(actorList.size(), NoPath);
  auto relax = [&](size_t edge, size_t before) {
    const TokenEdge &e = edgeList[edge];
    if (before + e.tokens >= least[e.to])
      return false;
    least[e.to] = before + e.tokens;
    return true;
  };
  bool changed = false;
  for (size_t edge : leaving[from])
    changed |= relax(edge, 0);
  while (changed) {
    changed = false;
    for (size_t edge = 0; edge < edgeList.size(); ++edge)
      if (least[edgeList[edge].from] != NoPath)
        changed |= relax(edge, least[edgeList[edge].from]);
  }
  return least[to];
}

std::optional<MarkedGraph::Unsafe> MarkedGraph::findUnsafePool() const {
  for (size_t i = 0; i < slotPools.size(); ++i) {
    const SlotPool &pool = slotPools[i];
    if (pool.slots == 0)
      return Unsafe{Unsafe::Fault::NoSlots, i, pool.readers.front()};
    for (size_t reader : pool.readers) {
      if (tokensBetween(pool.writer, reader) != 0)
        return Unsafe{Unsafe::Fault::ReadTooEarly, i, reader};
      if (tokensBetween(reader, pool.writer) > pool.slots) // NoPath is larger than any
        return Unsafe{Unsafe::Fault::WrittenTooEarly, i, reader};
    }
  }
  return std::nullopt;
}

std::optional<std::string> MarkedGraph::verify() const {
  if (std::optional<std::vector<size_t>> cycle = findDeadCycle())
    return "not live: the cycle " + describe(*cycle) + " holds no token";
  const std::optional<Unsafe> unsafe = findUnsafePool();
  if (!unsafe)
    return std::nullopt;
  const SlotPool &pool = slotPools[unsafe->pool];
  const std::string writer = "'" + actorList[pool.writer].name + "'",
                    reader = "'" + actorList[unsafe->reader].name + "'";
  const std::string slots = "not safe: slots '" + pool.name + "': ";
  switch (unsafe->fault) {
  case Unsafe::Fault::NoSlots:
    return slots + "expected at least 1, found 0";
  case Unsafe::Fault::ReadTooEarly:
    return slots + reader + " reads a slot that " + writer + " may not have written";
  case Unsafe::Fault::WrittenTooEarly:
    break;
  }
  return slots + writer + " may write a slot that " + reader + " is not done with";
}

std::string MarkedGraph::describe(const std::vector<size_t> &path) const {
  if (path.empty())
    return "";
  std::string text = actorList[edgeList[path.front()].from].name;
  for (size_t edge : path)
    text += " -> " + actorList[edgeList[edge].to].name;
  return text;
}

} // namespace faro::compiler
