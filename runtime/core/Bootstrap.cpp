#include "runtime/core/Bootstrap.h"

#include "runtime/core/Digest.h"

#include <fmt/format.h>

namespace faro {

std::string saidBy(uint32_t rank, const std::string &message) {
  const std::string by = fmt::format("rank {}: ", rank);
  return message.starts_with(by) ? message : by + message;
}

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

Expected<std::string> randomName(size_t size) {
  Bytes random(size);
  FARO_RETURN_IF_ERROR(randomBytes(random));
  std::string text;
  for (std::byte byte : random)
    text += fmt::format("{:02x}", unsigned(byte));
  return text;
}

} // namespace faro
