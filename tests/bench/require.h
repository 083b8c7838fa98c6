// A benchmark without one of its methods would mislead: what fails ends the job.
#pragma once

#include "faro/status.h"

#include <string>
#include <utility>

namespace faro::bench {

/// Where ranks are threads: which one the calling thread is.
void beRank(int rank);

/// Ends this rank, and with it the job, with one message.
[[noreturn]] void endJob(const std::string &message);

/// Ends the job when `status` is an error.
void require(const Status &status, const char *what);

/// The value of `expected`, or the end of the job.
template <typename T> T require(Expected<T> expected, const char *what) {
  require(expected.status(), what);
  return std::move(*expected);
}

} // namespace faro::bench
