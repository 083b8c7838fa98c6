// What a text must be before MLIR's parser sees it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace faro::compiler {

struct TextFault {
  size_t line = 1, column = 1;
  std::string message;
};

/// The first fault: bytes that are no UTF-8 text, brackets nested deeper than the recursive parser has
/// stack for, result numbers that it has no memory for.
std::optional<TextFault> checkText(std::string_view text);

} // namespace faro::compiler
