// The element types of a row, one value at a time: for data, references and the ends of vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace faro::bench {

enum class Element { Bf16, F16, F32 };

const char *elementName(Element element);
std::optional<Element> elementNamed(std::string_view name);
constexpr size_t elementSize(Element element) { return element == Element::F32 ? 4 : 2; }

/// Bits to value, and value to bits: rounded to nearest even. Finite values only.
float decode(Element element, uint32_t bits);
uint32_t encode(Element element, float value);

/// Half a unit in the last place of a value below 1, which bounds the relative error of one rounding.
double roundingError(Element element);

} // namespace faro::bench
