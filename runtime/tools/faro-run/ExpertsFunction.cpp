#include "runtime/tools/faro-run/ExpertsFunction.h"

#include <cmath>
#include <cstring>

namespace faro::run {

namespace {
float factorOf(uint32_t expert) { return float(expert % 8 + 1) / 8; }
} // namespace

ExpertsFunction::ExpertsFunction(ExpertsFn kind, reference::Element element, uint64_t columns)
    : kind_(kind), element_(element), columns_(columns) {
  if (kind_ != ExpertsFn::Scale || element_ == reference::Element::F32)
    return;
  for (uint32_t expert = 0; expert < 8; ++expert) {
    products_[expert].resize(1u << 16);
    for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
      const uint16_t value = uint16_t(bits);
      std::byte in[2], out[2];
      std::memcpy(in, &value, sizeof value);
      reference::fromFloat(element_, reference::toFloat(element_, in) * factorOf(expert), out);
      std::memcpy(&products_[expert][bits], out, sizeof value);
    }
  }
}

void ExpertsFunction::apply(uint32_t expert, const std::byte *in, std::byte *out) const {
  if (kind_ == ExpertsFn::Identity) {
    std::memmove(out, in, columns_ * reference::bytesOf(element_));
    return;
  }
  if (element_ != reference::Element::F32) {
    const uint16_t *products = products_[expert % 8].data();
    for (uint64_t column = 0; column < columns_; ++column) {
      uint16_t bits;
      std::memcpy(&bits, in + 2 * column, 2);
      std::memcpy(out + 2 * column, products + bits, 2);
    }
    return;
  }
  const float factor = factorOf(expert);
  for (uint64_t column = 0; column < columns_; ++column) {
    float value;
    std::memcpy(&value, in + 4 * column, 4);
    value *= factor;
    if (std::isnan(value)) // the canonical one
      reference::fromFloat(element_, value, out + 4 * column);
    else
      std::memcpy(out + 4 * column, &value, 4);
  }
}

} // namespace faro::run
