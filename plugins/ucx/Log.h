// What UCX logs during our calls. It prints errors to stderr where nobody knows which rank and which call they belong
// to, and about peers that are merely gone. Here they become part of our errors.
#pragma once

#include <string>

namespace faro::ucx {

/// While one lives, what UCX logs on this thread is kept from being printed (unless UCX_LOG_LEVEL is set). UCX's other
/// users in this process are not touched.
class LogCapture {
public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture &) = delete;
  LogCapture &operator=(const LogCapture &) = delete;
};

/// The first error UCX logged since the outermost LogCapture of this thread was made; the first is usually the cause.
const std::string &loggedError();

} // namespace faro::ucx
