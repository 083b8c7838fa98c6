// What faro_transport::last_error answers: one message per thread. Each plugin has its own.
#pragma once

#include "faro/status.h"

#include <string>
#include <utility>

namespace faro::plugin {

inline std::string &lastError() {
  static thread_local std::string message;
  return message;
}

/// Keeps the message for last_error and hands the code on.
inline faro_status fail(faro_status code, std::string message) {
  lastError() = std::move(message);
  return code;
}

inline faro_status report(const Status &status) { return status ? FARO_OK : fail(status.code(), status.message()); }

} // namespace faro::plugin
