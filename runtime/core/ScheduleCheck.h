// Checks one schedule of a module: everything that the engine relies on and does not look at again. Whether a schedule
// is live and safe was proved when it was compiled.
#pragma once

#include "runtime/abi/faro_abi.h"

#include <string>

namespace faro {

/// What is wrong with the schedule, naming the stage or ring; empty when nothing is. The program's row and routes are
/// right. `kernels`: how many each kernel set holds.
std::string checkSchedule(const faro_abi_program &program, const faro_abi_schedule &schedule, uint32_t kernels);

} // namespace faro
