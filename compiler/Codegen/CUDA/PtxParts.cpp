#include "compiler/Codegen/CUDA/PtxParts.h"

#include <algorithm>

namespace faro::compiler {

namespace {

constexpr std::string_view Entry = "\n.visible .entry ";

/// Nothing but directives that hold for all kernels, comments and empty lines.
bool isHead(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    const auto begins = [&](std::string_view with) { return line.starts_with(with); };
    if (!line.empty() && !begins("//") && !begins(".version") && !begins(".target") && !begins(".address_size"))
      return false;
  }
  return true;
}

} // namespace

std::vector<std::string> splitPtx(std::string_view ptx, size_t most) {
  const size_t begin = ptx.find(Entry);
  if (begin == std::string_view::npos || !isHead(ptx.substr(0, begin)))
    return {std::string(ptx)};
  std::vector<std::string_view> kernels;
  for (size_t at = begin; at != std::string_view::npos;) {
    const size_t next = ptx.find(Entry, at + Entry.size());
    kernels.push_back(ptx.substr(at, next - at));
    at = next;
  }
  // The longest first, each to the part that is the shortest so far (Graham 1969).
  std::ranges::sort(kernels, [](std::string_view a, std::string_view b) {
    return a.size() != b.size() ? a.size() > b.size() : a.data() < b.data();
  });
  std::vector<std::string> parts(std::clamp<size_t>(most, 1, kernels.size()), std::string(ptx.substr(0, begin)));
  for (const std::string_view kernel : kernels)
    *std::ranges::min_element(parts, {}, &std::string::size) += kernel;
  for (std::string &part : parts)
    part += '\n';
  return parts;
}

} // namespace faro::compiler
