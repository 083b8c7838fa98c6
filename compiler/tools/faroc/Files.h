// Files of a command-line tool. Each function returns a message for people, empty when all is well.
#pragma once

#include <string>
#include <string_view>

namespace faro::compiler {

/// A whole file, or standard input for "-".
std::string readText(const std::string &path, std::string &text);

/// Whether `path` is the file that `input` was read from, by whatever name.
bool isSpec(const std::string &input, const std::string &path);

/// Makes `output` what is to be written: through a link, what it points to. It must not be `input`, and a module takes
/// the place of a regular file only.
std::string resolveOutput(const std::string &input, bool isModule, std::string &output);

/// Standard output for an empty path or "-"; a file appears whole or not at all. What is no regular file (a device, a
/// pipe) is written to.
std::string writeText(const std::string &path, std::string_view text);

std::string makeFolder(const std::string &path);

/// "a/b.mlir" -> "b".
std::string stemOf(const std::string &path);

} // namespace faro::compiler
