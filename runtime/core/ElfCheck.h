// Whether a shared library is whole. The loader maps what the headers promise; a file that is shorter ends the process
// by SIGBUS when a missing page is touched, so it is looked at before.
#pragma once

#include "faro/status.h"

#include <string>

namespace faro {

/// OK for an ELF file of this machine's kind with all the bytes that its headers speak of. Errors: INVALID_ARGUMENT (no
/// regular file, no shared library for this kind of machine), DATA_LOSS (torn, or not what faroc wrote).
Status checkElf(const std::string &path);

} // namespace faro
