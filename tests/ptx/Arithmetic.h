// What instructions compute from registers alone.
#pragma once

#include "tests/ptx/Program.h"

namespace faro::test::ptx {

inline uint64_t masked(uint64_t value, uint32_t bits) {
  return bits >= 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

/// Operands and results of the lanes from `first` to before `last`. Results lie where no operand does.
struct LaneValues {
  const uint64_t *a, *b, *c;
  uint64_t *results;
  uint32_t first, last;
};

/// Whether `compute` is for it: nothing but registers has a part in it.
bool isOfRegisters(Op op);

/// Results of as many bits as they have; false where the instruction is not known, or not of its type.
bool compute(const Instruction &instruction, const LaneValues &values);

} // namespace faro::test::ptx
