#include "tests/ptx/Arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace faro::test::ptx {
namespace {

int64_t extended(uint64_t value, uint32_t bits) {
  return bits >= 64 ? int64_t(value) : int64_t(value << (64 - bits)) >> (64 - bits);
}
float asFloat(uint64_t value) { return std::bit_cast<float>(uint32_t(value)); }
uint64_t ofFloat(float value) { return std::isnan(value) ? 0x7fffffff : std::bit_cast<uint32_t>(value); }
uint64_t toHalf(float value) { return std::isnan(value) ? 0x7fff : std::bit_cast<uint16_t>(_Float16(value)); }
float fromHalf(uint64_t value) { return float(std::bit_cast<_Float16>(uint16_t(value))); }

template <typename T> bool holds(Comparison comparison, T a, T b) {
  switch (comparison) {
  case Comparison::Equal:
    return a == b;
  case Comparison::NotEqual:
    return a != b;
  case Comparison::Less:
    return a < b;
  case Comparison::LessEqual:
    return a <= b;
  case Comparison::Greater:
    return a > b;
  case Comparison::GreaterEqual:
    return a >= b;
  case Comparison::Unordered:
    return a != a || b != b;
  }
  return false;
}

bool compare(const Instruction &at, uint64_t a, uint64_t b) {
  if (at.type.kind == 'f')
    return holds(at.comparison, asFloat(a), asFloat(b));
  if (at.type.kind == 's')
    return holds(at.comparison, extended(a, at.type.bits), extended(b, at.type.bits));
  return holds(at.comparison, a, b);
}

uint64_t convert(const Instruction &at, uint64_t a) {
  const Type to = at.type, from = at.from;
  const uint64_t value = masked(a, from.bits);
  if (to.kind != 'f')
    return masked(from.kind == 's' ? uint64_t(extended(value, from.bits)) : value, to.bits);
  return to.bits == 32 && from.bits == 16 ? ofFloat(fromHalf(value)) : toHalf(asFloat(value));
}

std::optional<uint64_t> unsignedOf(const Instruction &at, uint64_t a, uint64_t b, uint64_t c) {
  const uint32_t bits = at.type.bits;
  switch (at.op) {
  case Op::Add:
    return a + b;
  case Op::Subtract:
    return a - b;
  case Op::Multiply:
    return a * b;
  case Op::MultiplyHigh:
    return uint64_t((unsigned __int128)(a)*b >> bits);
  case Op::MultiplyWide:
    return a * b;
  case Op::MultiplyAdd:
    return a * b + c;
  case Op::Minimum:
    return std::min(a, b);
  case Op::Maximum:
    return std::max(a, b);
  case Op::And:
    return a & b;
  case Op::Or:
    return a | b;
  case Op::Xor:
    return a ^ b;
  case Op::Not:
    return ~a;
  case Op::Negate:
    return 0 - a;
  // A shift by all bits or more leaves none.
  case Op::ShiftLeft:
    return masked(b, 32) >= bits ? 0 : a << masked(b, 32);
  case Op::ShiftRight:
    return masked(b, 32) >= bits ? 0 : a >> masked(b, 32);
  case Op::ExtractBits:
    return (b & 255) >= bits ? 0 : masked(a >> (b & 255), uint32_t(c & 255));
  default:
    return std::nullopt;
  }
}

/// Where the sign makes a difference; else as without.
std::optional<uint64_t> signedOf(const Instruction &at, uint64_t a, uint64_t b, uint64_t c) {
  const uint32_t bits = at.type.bits;
  const int64_t first = extended(a, bits), second = extended(b, bits);
  switch (at.op) {
  case Op::MultiplyHigh:
    return uint64_t((__int128(first) * second) >> bits);
  case Op::MultiplyWide:
    return uint64_t(first * second);
  case Op::Minimum:
    return uint64_t(std::min(first, second));
  case Op::Maximum:
    return uint64_t(std::max(first, second));
  case Op::ShiftRight:
    return uint64_t(first >> std::min<uint64_t>(masked(b, 32), 63));
  case Op::ExtractBits:
    return std::nullopt;
  default:
    return unsignedOf(at, a, b, c);
  }
}

/// f32, by itself or two at once.
std::optional<uint64_t> floatOf(const Instruction &at, uint64_t a, uint64_t b) {
  if (at.op != Op::Add && at.op != Op::Multiply)
    return std::nullopt;
  const auto one = [&](uint64_t x, uint64_t y) {
    return ofFloat(at.op == Op::Add ? asFloat(x) + asFloat(y) : asFloat(x) * asFloat(y));
  };
  return at.type.isPair ? one(a >> 32, b >> 32) << 32 | one(masked(a, 32), masked(b, 32)) : one(a, b);
}

} // namespace

std::optional<uint64_t> valueOf(const Instruction &at, uint64_t a, uint64_t b, uint64_t c) {
  switch (at.op) {
  case Op::Compare:
    return compare(at, a, b);
  case Op::Convert:
    return convert(at, a);
  case Op::ConvertPair: // the first goes to the upper half
    return toHalf(asFloat(a)) << 16 | toHalf(asFloat(b));
  default:
    break;
  }
  if (at.type.kind == 'f')
    return floatOf(at, a, b);
  const std::optional<uint64_t> whole = at.type.kind == 's' ? signedOf(at, a, b, c) : unsignedOf(at, a, b, c);
  return whole ? std::optional(masked(*whole, at.op == Op::MultiplyWide ? 2 * at.type.bits : at.type.bits))
               : std::nullopt;
}

} // namespace faro::test::ptx
