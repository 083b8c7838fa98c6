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

/// The first fault: bytes that are no UTF-8 text; brackets, expressions, numbers and aliases that the parser, or who
/// walks what it has read, has no stack, memory or time for.
std::optional<TextFault> checkText(std::string_view text);

} // namespace faro::compiler
