// Checks that a module's tables hold what the ABI promises, before anything relies on it.
#pragma once

#include "faro/status.h"
#include "runtime/abi/faro_abi.h"

#include <string>

namespace faro {

/// Version, sizes, hash, programs, stages. `name` says in errors where the module came from.
Status checkModule(const faro_abi_module &module, const std::string &name);

/// The kernel set that is best for this machine. $FARO_KERNELS (such as "x86-64-v3") asks for a certain one.
Expected<const faro_abi_kernel_set *> chooseKernels(const faro_abi_module &module, const std::string &name);

} // namespace faro
