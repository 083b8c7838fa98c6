// Numbers of a command line are decimal, whatever they begin with: by itself CLI11 takes 0100 for 64, and 0x10 for 16.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace faro::run {

/// Give it to transform(), which comes before the checks.
inline CLI::Validator wholeNumber() {
  return CLI::Validator(
      [](std::string &text) {
        const size_t sign = text.starts_with('-') ? 1 : 0;
        if (text.size() == sign || text.find_first_not_of("0123456789", sign) != text.npos)
          return "'" + text + "' is no whole number";
        text.erase(sign, std::min(text.find_first_not_of('0', sign), text.size() - 1) - sign);
        return std::string();
      },
      "");
}

/// The same for numbers that need not be whole.
inline CLI::Validator decimalNumber() {
  return CLI::Validator(
      [](std::string &text) {
        return text.find_first_not_of("+-.0123456789eE") == text.npos ? std::string()
                                                                      : "'" + text + "' is no decimal number";
      },
      "");
}

} // namespace faro::run
