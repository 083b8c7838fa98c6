// What tests leave out with sanitizers, which make everything several times slower.
#pragma once

#include <cstddef>
#include <vector>

namespace faro::test {

#ifdef FARO_SANITIZED
constexpr bool Sanitized = true;
#else
constexpr bool Sanitized = false;
#endif

/// Why a test is not tried with sanitizers at all.
constexpr const char *LongWithSanitizers = "takes long with sanitizers, and runs no code that others do not";

/// With sanitizers, which find nothing new in the others, the first of each so many cases is tried; else all are.
constexpr size_t stepOf(size_t many) { return Sanitized ? many : 1; }

template <typename T> std::vector<T> some(const std::vector<T> &cases, size_t many = 3) {
  std::vector<T> chosen;
  for (size_t i = 0; i < cases.size(); i += stepOf(many))
    chosen.push_back(cases[i]);
  return chosen;
}

} // namespace faro::test
