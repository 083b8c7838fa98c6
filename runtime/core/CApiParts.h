// What the files of the C API share: handles, errors, arguments.
#pragma once

#include "faro/communicator.h"
#include "faro/faro.h"
#include "faro/module.h"

#include <exception>
#include <memory>
#include <new>

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
  } catch (const std::bad_alloc &) {
    return fail({FARO_OUT_OF_MEMORY, "out of memory"});
  } catch (const std::exception &e) {
    return fail({FARO_INTERNAL, e.what()});
  } catch (...) {
    return fail({FARO_INTERNAL, "an exception of an unknown kind"});
  }
}

} // namespace faro::capi
