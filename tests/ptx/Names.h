// The names of types and instructions.
#pragma once

#include "tests/ptx/Program.h"

#include <optional>

namespace faro::test::ptx {

/// "u32", "pred", "f32x2".
std::optional<Type> typeOf(std::string_view name);

/// What an instruction's name says of it; false: the machine does not know it.
bool describe(Instruction &to, std::string_view name);

} // namespace faro::test::ptx
