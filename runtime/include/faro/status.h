// How calls of the C++ API end: a code and a message for people.
#pragma once

#include "faro/transport.h"

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace faro {

using StatusCode = ::faro_status;

/// "INVALID_ARGUMENT" and so on.
const char *statusCodeName(StatusCode code);

/// Success, or a code with a message: what, where (file, line, rank, token), expected and found, what to do.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}
  static Status ok() { return {}; }

  bool isOk() const { return code_ == FARO_OK; }
  explicit operator bool() const { return isOk(); }
  StatusCode code() const { return code_; }
  const std::string &message() const { return message_; }

private:
  StatusCode code_ = FARO_OK;
  std::string message_;
};

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : value_(std::move(value)) {}
  Expected(Status status) : status_(std::move(status)) { assert(!status_.isOk()); }

  explicit operator bool() const { return value_.has_value(); }
  T &operator*() { return *value_; }
  const T &operator*() const { return *value_; }
  T *operator->() { return &*value_; }
  const T *operator->() const { return &*value_; }
  const Status &status() const { return status_; }

private:
  std::optional<T> value_;
  Status status_;
};

} // namespace faro

/// Returns from the enclosing function when `expression` (a Status) is an error.
#define FARO_RETURN_IF_ERROR(expression)                                                                               \
  do {                                                                                                                 \
    ::faro::Status faroStatus_ = (expression);                                                                         \
    if (!faroStatus_.isOk())                                                                                           \
      return faroStatus_;                                                                                              \
  } while (false)
