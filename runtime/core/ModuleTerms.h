// What the ranks of a job must find alike in their modules.
#pragma once

#include "runtime/abi/faro_abi.h"
#include "runtime/core/Digest.h"

namespace faro {

/// A hash of the spec, and of what a compiler made of it that ranks tell each other without saying: programs, and the
/// stages, flags and rings of their schedules. Kernels are left out: processors differ.
Digest termsOf(const faro_abi_module &module);

} // namespace faro
