// A marked graph played move by move, in every order: what its theory is tested against. For small graphs only.
#pragma once

#include "compiler/Schedule/MarkedGraph.h"

#include <functional>

namespace faro::test {

/// How often each actor has begun and ended to fire. Tokens follow from it: an actor begins for the n-th time when, for
/// each edge to it that held m tokens, the one before it has ended n - m times.
struct Counts {
  std::vector<size_t> begun, ended;
  bool operator<(const Counts &other) const { return std::tie(begun, ended) < std::tie(other.begun, other.ended); }
};

/// Plays every order of beginnings and ends until each actor has fired `firings` times. `seen` is shown every state.
/// Whether it can get stuck: in some order no actor could move, and one had not fired so often.
bool getsStuck(
    const compiler::MarkedGraph &graph, size_t firings,
    const std::function<void(const Counts &)> &seen = [](const Counts &) {});

} // namespace faro::test
