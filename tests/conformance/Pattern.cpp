#include "tests/conformance/Pattern.h"

namespace faro::test {

std::string pattern(uint32_t sender, uint32_t receiver, uint32_t n, size_t size) {
  std::string text(size, '\0');
  uint32_t state = sender * 7919 + receiver * 104729 + n * 1299709 + 1;
  for (char &c : text) {
    state = state * 1664525 + 1013904223;
    c = char(state >> 24);
  }
  return text;
}

} // namespace faro::test
