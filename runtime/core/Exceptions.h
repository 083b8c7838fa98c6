// What becomes of exceptions where none may pass. The library throws none itself; memory may be short.
#pragma once

#include "faro/status.h"

#include <exception>
#include <new>

namespace faro {

/// Of the exception that is being handled.
inline Status statusOfException() {
  try {
    throw;
  } catch (const std::bad_alloc &) {
    return {FARO_OUT_OF_MEMORY, "out of memory"};
  } catch (const std::exception &error) {
    return {FARO_INTERNAL, error.what()};
  } catch (...) {
    return {FARO_INTERNAL, "an exception of an unknown kind"};
  }
}

} // namespace faro
