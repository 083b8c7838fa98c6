#include "runtime/core/Bootstrap.h"

#include <fmt/format.h>
#include <sodium.h>

namespace faro {

std::string nameRanks(const std::vector<uint32_t> &ranks) {
  constexpr size_t Shown = 8; // more are a flood, not help
  if (ranks.size() == 1)
    return fmt::format("rank {}", ranks[0]);
  std::string text = "ranks ";
  const size_t shown = ranks.size() <= Shown ? ranks.size() : Shown - 1;
  for (size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == ranks.size();
    text += fmt::format("{}{}", i == 0 ? "" : last ? " and " : ", ", ranks[i]);
  }
  if (shown < ranks.size())
    text += fmt::format(" and {} others", ranks.size() - shown);
  return text;
}

std::string describe(Nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds < 1 ? fmt::format("{:.3g} ms", seconds * 1e3) : fmt::format("{:.3g} s", seconds);
}

std::string randomName(size_t bytes) {
  [[maybe_unused]] static const int ready = sodium_init(); // once, by whichever thread comes first
  std::vector<unsigned char> random(bytes);
  randombytes_buf(random.data(), random.size());
  std::string text;
  for (unsigned char byte : random)
    text += fmt::format("{:02x}", byte);
  return text;
}

} // namespace faro
