#include "compiler/Interpreter/Number.h"

#include <bit>
#include <cmath>

namespace faro::reference {

float fromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

float fromF16(uint16_t bits) {
  const bool negative = bits & 0x8000;
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 0x1f) // infinity, or a NaN that keeps sign and payload
    return std::bit_cast<float>(uint32_t(negative) << 31 | 0x7f800000u | uint32_t(fraction) << 13);
  const float magnitude =
      exponent == 0 ? std::ldexp(float(fraction), -24) : std::ldexp(float(0x400 + fraction), exponent - 25);
  return negative ? -magnitude : magnitude;
}

uint16_t toBf16(float value) {
  if (std::isnan(value))
    return 0x7fc0;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  // Half of the last kept bit, less one unless that bit is odd: ties go to even. A carry runs into the exponent, which
  // is right, up to infinity.
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

uint16_t toF16(float value) {
  if (std::isnan(value))
    return 0x7e00;
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f) // half way between the largest f16 and the next power of two
    return sign | 0x7c00;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  // The spacing of f16 numbers at this magnitude: 2^(e - 11) for normal ones, 2^-24 below.
  const int spacing = exponent - 11 < -24 ? -24 : exponent - 11;
  const float units = std::nearbyint(std::ldexp(magnitude, -spacing)); // exact scaling, round to nearest even
  const float rounded = std::ldexp(units, spacing);
  if (rounded == 0)
    return sign;
  if (rounded < 0x1p-14f)
    return sign | uint16_t(std::ldexp(rounded, 24));
  std::frexp(rounded, &exponent); // rounded = f x 2^exponent, f in [0.5, 1)
  const int fraction = int(std::ldexp(rounded, 11 - exponent)) - 0x400;
  return sign | uint16_t((exponent + 14) << 10 | fraction);
}

float canonical(float value) { return std::isnan(value) ? std::bit_cast<float>(0x7fc00000u) : value; }

} // namespace faro::reference
