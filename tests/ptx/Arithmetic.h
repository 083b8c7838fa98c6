// What instructions compute from registers alone.
#pragma once

#include "tests/ptx/Program.h"

#include <optional>

namespace faro::test::ptx {

inline uint64_t masked(uint64_t value, uint32_t bits) {
  return bits >= 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

/// The result, of as many bits as it has; none where the instruction is not known, or not of its type.
std::optional<uint64_t> valueOf(const Instruction &instruction, uint64_t a, uint64_t b, uint64_t c);

} // namespace faro::test::ptx
