// What faro-run says to people, on stderr.
#pragma once

#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <string>

namespace faro::run {

/// Whether a line of progress is on the terminal, which what is said next takes the place of.
inline std::atomic<bool> lineIsDrawn{false};

/// Names of files and programs may hold anything, and a terminal would obey some of it.
inline std::string withoutControls(const std::string &text) {
  std::string shown;
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == '\x7f')
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      shown += c;
  return shown;
}

/// Where it cannot be written, nobody hears it, and that is all: the run is not the worse for it.
template <typename... Arguments> void say(fmt::format_string<Arguments...> format, Arguments &&...arguments) {
  const std::string text = (lineIsDrawn.exchange(false) ? "\r\033[K" : "") +
                           withoutControls(fmt::format(format, std::forward<Arguments>(arguments)...));
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

} // namespace faro::run
