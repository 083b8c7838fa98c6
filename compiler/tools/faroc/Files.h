// Files of a command-line tool. Each function returns a message for people, empty when all is well.
#pragma once

#include <string>
#include <string_view>

namespace faro::compiler {

/// A whole file, or standard input for "-".
std::string readText(const std::string &path, std::string &text);

/// Standard output for an empty path or "-"; a file appears whole or not at all.
std::string writeText(const std::string &path, std::string_view text);

std::string makeFolder(const std::string &path);

/// "a/b.mlir" -> "b".
std::string stemOf(const std::string &path);

} // namespace faro::compiler
