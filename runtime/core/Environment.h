// What launchers put into the environment of the ranks that they start.
#pragma once

#include "faro/communicator.h"

#include <optional>

namespace faro {

/// Looks variables up; a test gives its own.
using Lookup = std::function<const char *(const char *name)>;

/// CommunicatorOptions::fromEnvironment over any set of variables.
Expected<CommunicatorOptions> readEnvironment(const Lookup &lookup);

/// Whether a launcher is found in them at all: else they describe a world of one.
bool hasLauncher(const Lookup &lookup);

/// A decimal number within [min, max], or an error that names the variable and the value.
Expected<uint64_t> parseNumber(const char *variable, const char *text, uint64_t min, uint64_t max);

/// 1 or 0, or nothing where the variable is not set; an error for anything else.
Expected<std::optional<bool>> readSwitch(const char *variable);

} // namespace faro
