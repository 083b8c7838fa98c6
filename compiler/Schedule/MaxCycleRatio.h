// The period of a marked graph: the maximum over its directed cycles of (delays / tokens).
//
// Howard's policy iteration, in the form for cycle ratios of
//   J. Cochet-Terrasson, G. Cohen, S. Gaubert, M. McGettrick, J.-P. Quadrat: "Numerical computation of spectral
//   elements in max-plus algebra", IFAC Conference on System Structure and Control, 1998; A. Dasdan: "Experimental
//   analysis of the fastest optimum cycle ratio and mean algorithms", ACM TODAES 9(4), 2004 (there for the minimum).
// Each actor picks one of the edges that leave it (its policy). The picks form a graph with one cycle for each part;
// the best of these cycles is a guess at the answer, from which potentials follow; an edge that raises a potential
// becomes its actor's new pick. When there is no such edge, the guess is the maximum.
#pragma once

#include "compiler/Schedule/MarkedGraph.h"

namespace faro::compiler {

struct CycleRatio {
  double ratio = 0;          ///< ns for each firing
  std::vector<size_t> cycle; ///< one that attains it: edge indices in their order
};

/// Requires a live graph: a cycle without a token has no ratio. Nothing for a graph without cycles. An actor's delay
/// counts on the edges that leave it. O(rounds x edges), and for each round a look at every actor.
std::optional<CycleRatio> maxCycleRatio(const MarkedGraph &graph);

} // namespace faro::compiler
