// What tests leave out with sanitizers, which make everything several times slower.
#pragma once

#include <cstddef>
#include <vector>

namespace faro::test {

/// With sanitizers, which find nothing new in the others, the first of each so many cases is tried; else all are.
#ifdef FARO_SANITIZED
constexpr size_t stepOf(size_t many) { return many; }
#else
constexpr size_t stepOf(size_t) { return 1; }
#endif

template <typename T> std::vector<T> some(const std::vector<T> &cases) {
  std::vector<T> chosen;
  for (size_t i = 0; i < cases.size(); i += stepOf(3))
    chosen.push_back(cases[i]);
  return chosen;
}

} // namespace faro::test
