// One way of doing the shuffle, as the harness sees it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace faro::bench {

enum class Kind {
  Peer,  ///< what a user would pick instead
  Part,  ///< a part of a peer, by itself
  Faro,  ///< this project
  Limit, ///< the machine: the same bytes without a shuffle
  Bound, ///< a limit that "share of the bound" refers to: the fastest of them counts
};

const char *kindName(Kind kind);

/// What a check of all rows of this rank found.
struct Check {
  size_t wrongRows = 0;
  std::optional<double> error; ///< the largest one seen, where partial results were rounded on the way
};

/// All calls are collective. plan and run are timed; the others are not.
class Method {
public:
  Method(std::string methodName, Kind methodKind) : name(std::move(methodName)), kind(methodKind) {}
  virtual ~Method() = default;
  Method(const Method &) = delete;
  Method &operator=(const Method &) = delete;

  std::string name;
  const Kind kind;

  /// Whether there is anything to plan.
  virtual bool plans() const { return kind != Kind::Limit && kind != Kind::Bound; }
  /// All that follows from the routing: counts, offsets, types. A rank knows its own routing and nobody else's.
  virtual void plan() {}
  /// Inputs that depend on the plan, put in place.
  virtual void place() {}
  virtual void run() = 0;

  /// Whether there is an output to check.
  virtual bool checks() const { return kind == Kind::Peer || kind == Kind::Faro; }
  virtual Check check() { return {}; }

  /// Overwrites, or takes out of the caches, the memory that only this method has.
  virtual void wipe() {}
  virtual void flush() {}

  /// Of the last plan and run, where the method has a better clock than the host's from barrier to barrier.
  std::optional<double> ownPlanMs, ownRunMs;
  /// Seconds of the parts of the last run, for the baseline.
  std::map<std::string, double> parts;
  /// Across nodes: what goes through the fullest direction of any node's link, and the cost model's time. 0: not known.
  double linkBytes = 0, predictedMs = 0;
};

/// Memory that the methods share: inputs, outputs, staging.
class Workspace {
public:
  virtual ~Workspace() = default;
  virtual void wipe() = 0; ///< outputs and staging
  virtual void flush() = 0;
};

} // namespace faro::bench
