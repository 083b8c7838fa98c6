#include "tests/bench/control.h"

#include <algorithm>
#include <cstring>

namespace faro::bench {

template <typename T> static std::string bytesOf(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

template <typename T> static T valueOf(const std::string &bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

double Control::largest(double mine) {
  for (const std::string &other : allgather(bytesOf(mine)))
    mine = std::max(mine, valueOf<double>(other));
  return mine;
}

uint64_t Control::total(uint64_t mine) {
  uint64_t sum = 0;
  for (const std::string &one : allgather(bytesOf(mine)))
    sum += valueOf<uint64_t>(one);
  return sum;
}

} // namespace faro::bench
