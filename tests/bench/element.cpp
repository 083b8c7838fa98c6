#include "tests/bench/element.h"

#include <bit>

namespace faro::bench {

const char *elementName(Element element) {
  switch (element) {
  case Element::Bf16:
    return "bf16";
  case Element::F16:
    return "f16";
  case Element::F32:
    return "f32";
  }
  return "?";
}

std::optional<Element> elementNamed(std::string_view name) {
  for (Element element : {Element::Bf16, Element::F16, Element::F32})
    if (name == elementName(element))
      return element;
  return std::nullopt;
}

static float decodeHalf(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude < 0x400u) { // subnormal: units of 2^-24
    const float value = float(magnitude) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t rebias = magnitude >= 0x7c00u ? 224u << 23 : 112u << 23; // infinity stays infinity
  return std::bit_cast<float>(sign | ((magnitude << 13) + rebias));
}

static uint32_t encodeHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= std::bit_cast<uint32_t>(65520.0f))
    return sign | 0x7c00u;
  if (magnitude < std::bit_cast<uint32_t>(0x1p-14f)) {
    // The unit in the last place of 0.5 is 2^-24, a half's smallest step: the addition does the rounding.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return sign | ((magnitude - (112u << 23) + 0xfffu + odd) >> 13);
}

float decode(Element element, uint32_t bits) {
  switch (element) {
  case Element::Bf16:
    return std::bit_cast<float>(bits << 16);
  case Element::F16:
    return decodeHalf(bits);
  case Element::F32:
    break;
  }
  return std::bit_cast<float>(bits);
}

uint32_t encode(Element element, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  switch (element) {
  case Element::Bf16:
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  case Element::F16:
    return encodeHalf(value);
  case Element::F32:
    break;
  }
  return bits;
}

double roundingError(Element element) {
  switch (element) {
  case Element::Bf16:
    return 0x1p-8;
  case Element::F16:
    return 0x1p-11;
  case Element::F32:
    break;
  }
  return 0x1p-24;
}

} // namespace faro::bench
