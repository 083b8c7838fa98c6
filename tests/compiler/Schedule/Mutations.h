// Single changes of a schedule, all of each kind: what a slip of the hand, or of the lowering, might do.
#pragma once

#include "ScheduleText.h"

namespace faro::test {

struct Mutant {
  std::string what; ///< "gather: after(%await_handed) dropped"
  ScheduleText schedule;
};

/// Every mutant of every kind. Some mean the same as the original; many do not parse.
std::vector<Mutant> mutantsOf(const ScheduleText &schedule);

} // namespace faro::test
