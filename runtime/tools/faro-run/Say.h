// What faro-run says to people, on stderr.
#pragma once

#include <cstdio>
#include <fmt/format.h>
#include <string>

namespace faro::run {

/// Where it cannot be written, nobody hears it, and that is all: the run is not the worse for it.
template <typename... Arguments> void say(fmt::format_string<Arguments...> format, Arguments &&...arguments) {
  const std::string text = fmt::format(format, std::forward<Arguments>(arguments)...);
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

} // namespace faro::run
