#include "plugins/ucx/Log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <ucs/debug/log_def.h>

namespace faro::ucx {

static thread_local int captures = 0;
static thread_local std::string firstError;

static ucs_log_func_rc_t onLog(const char *, unsigned, const char *, ucs_log_level_t level,
                               const ucs_log_component_config_t *, const char *format, va_list arguments) {
  if (!captures || level > UCS_LOG_LEVEL_WARN)
    return UCS_LOG_FUNC_RC_CONTINUE;
  if (level <= UCS_LOG_LEVEL_ERROR && firstError.empty()) {
    char text[512];
    va_list copy;
    va_copy(copy, arguments);
    std::vsnprintf(text, sizeof text, format, copy);
    va_end(copy);
    firstError = text;
  }
  static const bool wanted = std::getenv("UCX_LOG_LEVEL") != nullptr;
  return wanted || level == UCS_LOG_LEVEL_FATAL ? UCS_LOG_FUNC_RC_CONTINUE : UCS_LOG_FUNC_RC_STOP;
}

LogCapture::LogCapture() {
  static std::once_flag once; // never taken back: the plugin stays loaded
  std::call_once(once, [] { ucs_log_push_handler(onLog); });
  if (captures++ == 0)
    firstError.clear();
}

LogCapture::~LogCapture() { --captures; }

const std::string &loggedError() { return firstError; }

} // namespace faro::ucx
