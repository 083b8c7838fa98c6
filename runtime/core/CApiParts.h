// What the files of the C API share: handles, errors, arguments.
#pragma once

#include "faro/communicator.h"
#include "faro/faro.h"
#include "faro/module.h"
#include "runtime/core/Exceptions.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <memory>

struct faro_comm {
  std::shared_ptr<faro::Communicator> communicator;
};
struct faro_module {
  std::shared_ptr<const faro::Module> module;
};

namespace faro::capi {

/// The calling thread's last error.
faro_status fail(const Status &status);
void clear();

Status missing(const char *call, const char *argument);

/// The program of that name, or the only one with this operation.
Expected<const faro_abi_program *> programOf(const Module &module, const char *name, faro_abi_op op);

/// No exception passes the border, not even that memory is short.
template <typename Work> faro_status guarded(Work work) {
  try {
    clear();
    const Status status = work();
    return status.isOk() ? FARO_OK : fail(status);
  } catch (...) {
    return fail(statusOfException());
  }
}

/// A caller of an older header has fewer fields; one of a newer header finds zeros in those that are not known here.
template <typename Facts> void copyKnown(Facts *out, size_t size, const Facts &known) {
  std::memset(static_cast<void *>(out), 0, size);
  std::memcpy(static_cast<void *>(out), &known, std::min(size, sizeof known));
}

/// What a caller's options say. Callers of an older version have fewer fields, but at least the first `least` bytes;
/// the others are 0.
template <typename Options>
Expected<Options> knownOf(const char *call, const char *type, const Options &given, size_t least) {
  if (given.struct_size < least)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{}: struct_size: expected sizeof ({}), {}; found {}", call, type,
                                                     sizeof given, given.struct_size));
  Options known{};
  std::memcpy(&known, &given, std::min<size_t>(given.struct_size, sizeof known));
  return known;
}

} // namespace faro::capi
