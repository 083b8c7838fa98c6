// Marked graphs: the theory that schedules are checked and timed with. Plain C++, knows neither MLIR nor schedules.
//
//   ScheduleGraph (an xfer.program's stages) ─┐
//                                             ├─► MarkedGraph ──check──► live? safe? ──MaxCycleRatio──► period
//   CostModel (a pipeline that is not yet)   ─┘
//
// A marked graph is a Petri net whose places have one producer and one consumer. Actors fire; an edge from u to v that
// holds m tokens at the start says
//
//     the n-th firing of v begins after the (n - m)-th firing of u has ended        (firings count from 1)
//
// and an actor's firings follow each other: the n-th ends before the (n + 1)-th begins, unless it is a pure delay.
//
//   gather ──0──► wire ──0──► fan_out        wire waits for gather's slice of the same number,
//     ▲            │ ▲           │           gather for the slot that wire gave back 8 slices ago,
//     └─────8──────┘ └────8──────┘           and so on: a pool of K slots is an edge with K tokens back.
//
// What is known (Commoner, Holt, Even, Pnueli, "Marked directed graphs", JCSS 5, 1971), used here:
//   tokens   The number of tokens on a directed cycle never changes.
//   live     Every actor can fire for ever  <=>  every directed cycle holds a token.
//   safe     A pool of K slots that w fills and r reads: r's n-th firing finds what w's n-th wrote, and w's (n + K)-th
//            does not overwrite it before r is done  <=>  some path w -> r holds no token and some path r -> w at most
//            K: w and r lie on a cycle whose tokens are the slots.
//   period   In a steady state a firing of each actor takes max over cycles of (delays / tokens); see MaxCycleRatio.h
//            (Ramamoorthy, Ho, "Performance evaluation of asynchronous concurrent systems", IEEE TSE 6, 1980).
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace faro::compiler {

struct Actor {
  std::string name;
  double delay = 0; ///< how long a firing takes, in ns; at least 0
};

struct TokenEdge {
  size_t from = 0, to = 0; ///< indices of actors
  size_t tokens = 0;       ///< that it holds at the start
  std::string why;         ///< for people: "after", "flag \"open\"", "ring \"tx\""
};

/// Slots that one actor fills and others read, in turn.
struct SlotPool {
  std::string name;
  size_t writer = 0;
  std::vector<size_t> readers;
  size_t slots = 0;
};

class MarkedGraph {
public:
  size_t addActor(std::string name, double delay = 0);
  void addEdge(size_t from, size_t to, size_t tokens, std::string why);
  void addPool(SlotPool pool) { slotPools.push_back(std::move(pool)); }

  const std::vector<Actor> &actors() const { return actorList; }
  const std::vector<TokenEdge> &edges() const { return edgeList; }
  const std::vector<SlotPool> &pools() const { return slotPools; }
  /// The indices of the edges that leave an actor.
  const std::vector<size_t> &edgesFrom(size_t actor) const { return leaving[actor]; }

  /// Whether it is a graph at all, before anything else is asked of it: edges and pools name actors, delays are numbers
  /// of at least 0, a pool has readers. Says the first fault.
  std::optional<std::string> check() const;

  /// A directed cycle without a token, as edge indices in their order; none if the graph is live. A shortest one.
  std::optional<std::vector<size_t>> findDeadCycle() const;

  /// A shortest directed cycle through an actor, whatever tokens it holds; none if it lies on no cycle.
  std::optional<std::vector<size_t>> findCycleThrough(size_t actor) const;

  /// What is wrong with a pool.
  struct Unsafe {
    enum class Fault {
      NoSlots,        ///< it has none: its writer never fires
      ReadTooEarly,   ///< the reader's n-th firing does not wait for the writer's n-th
      WrittenTooEarly ///< the writer's (n + slots)-th firing does not wait for the reader's n-th
    };
    Fault fault;
    size_t pool, reader; ///< indices; `reader` is an actor
  };
  /// The first pool that is not safe.
  std::optional<Unsafe> findUnsafePool() const;

  /// check() before, this after: live, and all pools safe. Says the first fault in words.
  std::optional<std::string> verify() const;

  static constexpr size_t NoPath = std::numeric_limits<size_t>::max();
  /// The least number of tokens on a path from one actor to another that has at least one edge; NoPath without one.
  /// The n-th firing of `to` waits for the (n - this)-th of `from`, and for no later one.
  size_t tokensBetween(size_t from, size_t to) const;

  /// "gather -> wire -> gather", for a cycle or path of edges.
  std::string describe(const std::vector<size_t> &path) const;

private:
  std::optional<std::vector<size_t>> shortestCycle(size_t start, size_t mostTokens) const;

  std::vector<Actor> actorList;
  std::vector<TokenEdge> edgeList;
  std::vector<SlotPool> slotPools;
  std::vector<std::vector<size_t>> leaving;
};

} // namespace faro::compiler
