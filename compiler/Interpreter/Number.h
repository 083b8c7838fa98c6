// bf16 and f16 to f32 and back, bit by bit: the obvious way.
#pragma once

#include <cstdint>

namespace faro::reference {

float fromBf16(uint16_t bits);
float fromF16(uint16_t bits);
/// To nearest, ties to even; overflow to infinity; any NaN to the one quiet NaN.
uint16_t toBf16(float value);
uint16_t toF16(float value);
/// Any NaN to 0x7fc00000.
float canonical(float value);

} // namespace faro::reference
