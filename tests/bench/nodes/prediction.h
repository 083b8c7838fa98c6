// What the compiler's cost model says about a run, to stand beside what is measured.
#pragma once

#include "tests/bench/budgets.h"
#include "tests/bench/nodes/edges.h"

namespace faro::bench {

/// Collective. Milliseconds of Faro's dispatch or combine, with the slices that the compiler chooses for the shape, its
/// constants for tcp, the links' nominal rate, and the cores of this machine shared by the ranks on it.
double predictedMs(Op op, const Problem &problem, const RowMap &map, const Across &across, Control &control);

} // namespace faro::bench
