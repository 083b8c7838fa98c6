// What faro-run says to people, on stderr.
#pragma once

#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <string>

namespace faro::run {

/// Whether a line of progress is on the terminal, which what is said next takes the place of.
inline std::atomic<bool> lineIsDrawn{false};

/// Where it cannot be written, nobody hears it, and that is all: the run is not the worse for it.
template <typename... Arguments> void say(fmt::format_string<Arguments...> format, Arguments &&...arguments) {
  const std::string text =
      (lineIsDrawn.exchange(false) ? "\r\033[K" : "") + fmt::format(format, std::forward<Arguments>(arguments)...);
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

} // namespace faro::run
